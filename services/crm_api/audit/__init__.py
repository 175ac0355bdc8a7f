"""The audit log: who did what when; it only grows, and it holds ids and names of fields, no values."""
