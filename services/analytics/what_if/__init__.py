"""What would differ if a fact were another one; nothing is written."""
