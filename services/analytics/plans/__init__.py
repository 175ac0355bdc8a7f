"""Plans: whom to do what for, under a budget and limits, and the lists that campaigns take."""
