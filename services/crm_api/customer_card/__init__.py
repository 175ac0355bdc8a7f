"""The customer card: all that one wants to see before talking to a customer, in one call."""
