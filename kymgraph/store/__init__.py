"""Where quads live: the embedded store (Oxigraph) and the worker processes that read its checkpoints."""
