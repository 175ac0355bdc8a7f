"""Competitors: who else our customers could buy from."""
