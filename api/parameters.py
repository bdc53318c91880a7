"""Parameters of a query string, for routes that read them by themselves: known ones, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastapi import Request

from kymgraph.errors import BadParameter, UnknownParameter


def given_of(request: Request, names: Sequence[str]) -> dict[str, str]:
    """The parameters of a request, each once. Raises UnknownParameter, BadParameter."""
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in names:
            known = ", ".join(names) or "none"
            raise UnknownParameter(
                f"nothing was read: {name[:60]!r} is no parameter of {request.url.path[:60]}",
                hint=f"it takes {known}",
            )
        if name in given:
            raise BadParameter(f"nothing was read: {name} is given twice", hint="give it once")
        given[name] = value
    return given


def whole_number(name: str, given: Mapping[str, str], most: int, *, example: int) -> int | None:
    """A parameter that is a whole number from 1; None where it is not given. Raises BadParameter."""
    text = given.get(name)
    if text is None:
        return None
    if text.isascii() and text.isdecimal() and len(text) <= 10 and 1 <= int(text) <= most:
        return int(text)
    raise BadParameter(
        f"nothing was read: {name} takes a whole number from 1 to {most:,}, not {text[:60]!r}",
        hint=f"for example {name}={example}",
    )
