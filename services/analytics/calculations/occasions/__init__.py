"""Occasions: what has happened to a unit that makes a step due, and until when."""
