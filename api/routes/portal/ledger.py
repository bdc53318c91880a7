"""The changes to the graph as a time line."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
