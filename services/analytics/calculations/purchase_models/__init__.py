"""Probability models of purchases: three families, their estimation, and how far to trust it."""
