"""Undo: takes back what one request wrote, if nothing later touched it."""
