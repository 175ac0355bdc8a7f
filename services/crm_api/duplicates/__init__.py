"""Duplicates: contacts that are likely one and the same, with a score and its reasons."""
