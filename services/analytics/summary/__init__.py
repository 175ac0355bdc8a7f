"""The summary: counts and sums over all customers."""
