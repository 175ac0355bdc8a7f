"""The CRM service: it owns contacts, interactions and deals, and is the only writer of what people enter."""
