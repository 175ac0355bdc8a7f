"""Churn where there are contracts: how likely a unit does not renew, by tenure, term and content."""
