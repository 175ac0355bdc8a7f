"""Decisions: what people make of recommendations, and the plan of it in the CRM."""
