"""Contacts: people and organisations."""
