"""All that one wants to know before talking to a customer: what the CRM knows and what is computed."""
