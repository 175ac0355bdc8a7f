"""What a key of the CRM may do."""

SCOPES = (
    *(
        f"{plural}:{right}"
        for plural in ("contacts", "interactions", "deals")
        for right in ("read", "write", "pii")
    ),
    *(
        f"{plural}:{right}"
        for plural in ("products", "campaigns", "competitors", "segments", "settings")
        for right in ("read", "write")
    ),
    "changes:read",
    "changes:undo",
    "webhooks:manage",
    "privacy:export",
    "privacy:erase",
    "privacy:retention",
    "audit:read",
    "imports:write",
    "keys:manage",
)
