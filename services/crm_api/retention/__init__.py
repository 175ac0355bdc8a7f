"""Retention: what is forgotten by itself, after how long; run once a day, or looked at first."""
