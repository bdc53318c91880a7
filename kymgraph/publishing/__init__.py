"""The graph as documents for readers outside: resources, feeds, site maps. Takes a View, gives documents."""
