"""`python -m kymgraph` is the command `kymgraph`."""

from kymgraph.cli.app import main

if __name__ == "__main__":
    main()
