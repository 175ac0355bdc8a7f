"""What a key of analytics may do."""

SCOPES = ("analytics:read", "analytics:refresh", "plans:export", "plans:write", "privacy:export")
