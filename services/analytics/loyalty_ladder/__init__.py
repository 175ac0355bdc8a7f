"""The loyalty ladder: from never in touch to partner."""
