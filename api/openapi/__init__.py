"""The OpenAPI document: what FastAPI makes of the routes, completed by what it cannot know."""
