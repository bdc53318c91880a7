"""The Reconciliation API without its HTTP: names from somebody's table, matched to things of the graph."""
