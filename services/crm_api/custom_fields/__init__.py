"""Custom fields: fields of its own that a team adds to contacts, interactions and deals."""
