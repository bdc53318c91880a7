"""REST under /api/v1: one route per query file in api/queries."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["rest"])
