"""Experiments: whether a step works, told by those who are held out."""
