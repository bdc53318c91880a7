"""Linked data: every IRI under our base, as a page for people and a document for programs."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["linked data"])
