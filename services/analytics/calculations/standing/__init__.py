"""Where each customer stands: tier, RFM, portfolio, loyalty ladder, referrals, newness and motive."""
