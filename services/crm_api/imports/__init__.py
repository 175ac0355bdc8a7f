"""File imports: what a file means, how it is read, and what becomes of its rows."""
