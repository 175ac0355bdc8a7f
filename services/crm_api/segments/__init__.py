"""Segments: saved filters and static lists of contacts."""
