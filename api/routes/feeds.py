"""What changed, as an Atom feed."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["feeds"])
