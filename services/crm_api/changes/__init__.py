"""The change feed: what was written, in an order that nobody who follows it can miss a part of."""
