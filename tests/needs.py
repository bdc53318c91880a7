"""Real components that a test needs: a missing one skips the test, or fails it where it is required.

`KYMGRAPH_REQUIRE=java,shared` is how a build machine says that nothing may be skipped for want of these.
"""

from __future__ import annotations

import os

import pytest


def need(component: str, present: object, reason: str) -> None:
    """Go on if the component is present; otherwise skip, or fail if KYMGRAPH_REQUIRE names it."""
    if present:
        return
    required = {name.strip() for name in os.environ.get("KYMGRAPH_REQUIRE", "").split(",")}
    if component in required:
        pytest.fail(f"{component} is required here, and missing: {reason}", pytrace=False)
    pytest.skip(reason)


def size(*, quick: int, ci: int, night: int) -> int:
    """How many times, in a run of the size that KYMGRAPH_TEST names."""
    return {"quick": quick, "ci": ci, "night": night}[os.environ.get("KYMGRAPH_TEST", "quick")]
