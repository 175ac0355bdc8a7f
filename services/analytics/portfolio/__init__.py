"""The portfolio: what customers are worth against the risk of losing them."""
