"""Effectiveness: what steps brought, what is believed of their effects, how many people it takes to see."""
