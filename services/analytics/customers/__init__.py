"""Customers: what was computed about each."""
