"""What a key of analytics may do."""

SCOPES = ("analytics:read", "analytics:refresh", "decisions:write", "privacy:export")
