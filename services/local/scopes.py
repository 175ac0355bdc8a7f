"""What the keys may do that `make run` gives to analytics."""

# What analytics may read in the CRM: no scope that shows personal data.
WORKER_SCOPES = (
    *("contacts:read", "interactions:read", "deals:read", "products:read"),
    *("competitors:read", "changes:read"),
)
# What plans decisions in the CRM may do there.
WRITE_SCOPES = ("interactions:write",)
# What reads customer cards there, for keys of analytics that may see them.
CARD_SCOPES = tuple(
    f"{resource}:{right}"
    for resource in ("contacts", "interactions", "deals")
    for right in ("read", "pii")
)
