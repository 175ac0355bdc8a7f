"""At most one step for each customer under a budget and limits; domain specification 6.8 (E-BUD)."""
