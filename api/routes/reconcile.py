"""The Reconciliation Service API 0.2 at /reconcile."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(tags=["reconciliation"])
