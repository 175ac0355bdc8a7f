"""SWOT items: strengths, weaknesses, opportunities and threats, with their evidence."""
