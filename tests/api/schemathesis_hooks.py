"""What schemathesis has to be told of us: how a body of a type that it does not know is written.

Loaded by the command that `test_openapi.py` runs (SCHEMATHESIS_HOOKS).
"""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.serializer("application/rdf-patch", "application/sparql-query", "application/sparql-update")
def as_text(context: Any, value: Any) -> bytes:
    """A text is sent as it is."""
    return value if isinstance(value, bytes) else str(value).encode()
