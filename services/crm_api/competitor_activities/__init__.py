"""Competitor activities: what competitors were seen to do."""
