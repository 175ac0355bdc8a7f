"""Merges: two contacts that are one become one, and can become two again."""
