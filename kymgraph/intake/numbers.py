"""Numbers as Finnish spreadsheets write them: a comma before the decimals, spaces between thousands.

Exact decimals in and out, never floats. What can be read in two ways is refused, not guessed.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from kymgraph.intake.faults import CellError, Text

#: Most digits of one number; more is a slip of the finger, or somebody trying us.
DIGITS: Final = 30

# Space, no-break space, narrow no-break space, thin space, figure space.
_SPACES: Final = " \u00a0\u202f\u2009\u2007"
_CURRENCY: Final = re.compile(r"\s*(?:€|euroa?|eur)\Z", re.IGNORECASE)
_NUMBER: Final = re.compile(r"([+-]?)([0-9][0-9 ]*)(?:,([0-9]+))?\Z")
_POINTED: Final = re.compile(r"[+-]?[0-9 ]+(?:\.[0-9]+)+(?:,[0-9]+)?\Z")


def parse_euros(text: str) -> Decimal:
    """Read one amount of money as Finnish spreadsheets write it.

    Takes a comma before the cents, spaces (no-break ones too) between thousands, and a euro sign at the
    end. Gives euros as a Decimal, never a float: programme totals are checked to the cent. A lone point may
    mean cents or thousands, so it is refused, not guessed.

    Raises CellError, whose message shows both readings and what to write instead.

    >>> parse_euros("1 250 000,50")
    Decimal('1250000.50')
    >>> parse_euros("1.250")
    Traceback (most recent call last):
    kymgraph.intake.faults.CellError: The point may mean decimals or thousands. Write 1,250 or 1 250.
    """
    amount = parse_number(_CURRENCY.sub("", text.strip()))
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        raise CellError("number-cents")
    return amount


def parse_number(text: str) -> Decimal:
    """Read one number, by the same rules, with any number of decimals.

    Raises CellError.

    >>> parse_number("−12,5"), parse_number("2\u00a0000")
    (Decimal('-12.5'), Decimal('2000'))
    """
    plain = text.strip().translate({ord(space): " " for space in _SPACES}).replace("\u2212", "-")
    match = _NUMBER.match(plain)
    if match is None:
        if _POINTED.match(plain):
            readings = _readings(plain)
            either = Text(" tai ".join(readings), " eller ".join(readings), " or ".join(readings))
            raise CellError("number-point", readings=either)
        raise CellError("not-a-number")
    sign, whole, decimals = match.groups()
    if " " in whole and not re.fullmatch(r"[0-9]{1,3}(?: [0-9]{3})+", whole):
        raise CellError("number-groups")
    whole = whole.replace(" ", "")
    if len(whole) + len(decimals or "") > DIGITS:
        raise CellError("not-a-number")
    return Decimal(f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}")


def _readings(plain: str) -> list[str]:
    """What a number with points may mean, written without points: decimals first, thousands then."""
    digits = plain.lstrip("+-")
    whole, comma, decimals = digits.partition(",")
    parts = whole.replace(" ", "").split(".")
    readings = []
    if len(parts) == 2 and not comma:
        readings.append(f"{parts[0]},{parts[1]}")
    if len(parts[0]) <= 3 and all(len(part) == 3 for part in parts[1:]):
        readings.append(" ".join(parts) + comma + decimals)
    sign = plain[: len(plain) - len(digits)]
    return [sign + reading for reading in readings] or ["1 250 000,50"]
