"""The services of Phasewise; each owns its database and they meet over HTTP only."""
