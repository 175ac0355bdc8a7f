"""The right next steps of each unit: what can be done, what is allowed, what it is worth."""
