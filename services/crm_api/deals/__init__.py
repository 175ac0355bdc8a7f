"""Deals: what is sold or may be, with stages, lines, money and payment dates."""
