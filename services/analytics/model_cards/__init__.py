"""Model cards: what each kept version rests on, and how its forecasts did."""
