"""How complete, fresh and well-founded the data is."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
