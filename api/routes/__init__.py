"""One module per group of paths; each is as thin as a command: read the request, call the library, answer."""
