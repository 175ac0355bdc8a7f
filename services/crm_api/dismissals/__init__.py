"""Dismissals: pairs of contacts that look like one, and were found to be two."""
