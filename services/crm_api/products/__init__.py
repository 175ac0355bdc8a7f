"""Products: what is sold, with what goes along with it and what follows it."""
