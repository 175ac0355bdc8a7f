"""Cells turned into wire values; mail and phone numbers pass as text."""
