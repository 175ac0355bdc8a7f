"""Churn signals of units: how strong each is, what shows it, and what they mean together."""
