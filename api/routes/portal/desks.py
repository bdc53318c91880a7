"""Proposals, spreadsheets and links that wait for somebody's decision."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
