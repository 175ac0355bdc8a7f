"""Keys: made, listed, changed, rotated and revoked over HTTP by those who may do what they hand on."""
