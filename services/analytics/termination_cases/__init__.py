"""Termination cases: a relationship ends only by due process, step by step, decided by people."""
