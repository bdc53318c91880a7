"""Linked data: what `/id`, `/page`, `/data`, `/ontology` and the site maps are answered from."""
