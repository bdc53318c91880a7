"""Search over labels and definitions in three languages."""
