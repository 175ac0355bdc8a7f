"""Consents: what contacts allowed, confirmed, withdrew and objected to, as events that only add up."""
