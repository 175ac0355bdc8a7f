"""Recommendations: the steps that the published version recommends to a customer."""
