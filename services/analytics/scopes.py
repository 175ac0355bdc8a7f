"""What a key of analytics may do."""

SCOPES = ("analytics:read", "analytics:refresh", "experiments:write", "privacy:export")
