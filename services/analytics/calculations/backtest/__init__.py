"""How well forecasts did on purchases that came afterwards."""
