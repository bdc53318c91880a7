"""The HTTP application of kymgraph: raw ASGI for `/sparql` and its answers, FastAPI for the rest.

`api.app:app` is what the server opens. Everything here reads through `kymgraph.dataset.Dataset`; nothing here
knows how quads are stored.
"""
