"""External references: the names that other systems give our records, unique among live ones."""
