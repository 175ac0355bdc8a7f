"""Exports: bulk reading in constant memory."""
