"""Kymgraph for agents: the graph over the Model Context Protocol.

Tools to search, describe, ask and query, and one to propose a change, which people then accept or decline:
nothing here commits. Everything goes through `Dataset`, so the limits of every other reader hold. The SDK is
the extra `mcp` and is imported by `kymgraph.mcp.server` alone.
"""
