"""Everything on one machine: `make run` starts both services on SQLite with the demo data."""
