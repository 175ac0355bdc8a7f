"""Batches: many writes of one resource in one request."""
