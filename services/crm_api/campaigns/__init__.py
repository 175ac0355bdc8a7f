"""Campaigns: what is done for many customers at once, why, and what it costs."""
