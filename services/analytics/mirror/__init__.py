"""The CRM's records as columnar files, replaced as a whole; no network, no pandas."""
