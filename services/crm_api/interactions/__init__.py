"""Interactions: every contact with a customer, over all touchpoints."""
