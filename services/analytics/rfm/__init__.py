"""RFM segments: how recently, how often and for how much customers bought."""
