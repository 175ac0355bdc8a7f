"""Privacy: all about one person, erasure, and that an erased person does not come back by an import."""
