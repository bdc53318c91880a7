"""Search and suggestions at /search and /suggest."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["search"])
