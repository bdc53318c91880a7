"""REST under `/api/v1`: what a request asks, how it is answered, and how OpenAPI tells of it."""
