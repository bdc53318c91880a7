"""About the service, its accessibility, its care for privacy."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
