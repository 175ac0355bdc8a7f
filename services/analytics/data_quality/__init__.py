"""Data quality: what is missing, what was left out and why, what filling it would change."""
