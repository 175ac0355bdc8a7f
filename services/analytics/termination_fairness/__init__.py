"""The quarterly fairness report on reviews of relationships."""
