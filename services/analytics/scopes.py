"""What a key of analytics may do."""

SCOPES = (
    *("analytics:read", "analytics:refresh", "decisions:write", "experiments:write"),
    *("plans:write", "plans:export", "privacy:export"),
    # To see names, conversations and deals of the CRM beside what is computed.
    "customers:card",
    # To see termination data; to propose and lead a case; to decide it; to justify covert ways.
    *(f"termination:{right}" for right in ("read", "write", "decide", "manage")),
)
