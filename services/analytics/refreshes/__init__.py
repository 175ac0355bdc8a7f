"""Refreshes: computing anew."""
