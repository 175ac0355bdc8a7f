"""Webhooks: signed messages to other systems about what the change feed tells (Standard Webhooks 1.0.0)."""
