"""The next product for each unit: from baskets of the whole base, with its margin."""
