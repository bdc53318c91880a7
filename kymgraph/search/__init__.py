"""Search over labels and definitions in three languages, and reconciliation on top of it."""
