"""Two other ways to build the same four endpoints, so that speed can be told as a ratio."""
