"""Every sentence of the pages in Finnish, Swedish and English; numbers and dates as each language has them.

The texts stand in gettext catalogues, `api/locale/<language>/<area>.po`, read by Babel when first asked for.
A message's id is its key ("lineage.title"); all areas of a language are one list: a key stands in one file.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale
from babel.dates import format_date, format_datetime, format_skeleton
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, format_percent

from api.negotiate import Language

FOLDER: Final = Path(__file__).parent / "locale"
_LOCALES: Final[Mapping[Language, Locale]] = {
    "fi": Locale("fi", "FI"),
    "sv": Locale("sv", "FI"),
    "en": Locale("en", "GB"),
}
_DAY: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_MONTH: Final = re.compile(r"(\d{4})-(\d\d)")


@cache
def catalogue(lang: Language) -> Mapping[str, str]:
    """All texts of one language by key. Raises ValueError for a key that stands twice."""
    texts: dict[str, str] = {}
    for path in sorted((FOLDER / lang).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=lang):
                if not message.id:
                    continue
                if message.id in texts:
                    raise ValueError(f"{path}: {message.id!r} stands in another file of {lang} too")
                texts[str(message.id)] = str(message.string)
    return texts


class Texts:
    """The sentences of one language, as templates call them.

    >>> Texts("sv")("result.rows", n=3)
    'Rader: 3'
    """

    def __init__(self, lang: Language) -> None:
        self.lang = lang
        self._texts, self._locale = catalogue(lang), _LOCALES[lang]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, with `values` at their places. Raises KeyError for a key that there is not."""
        return self._texts[key].format(**values)

    def number(self, value: float) -> str:
        """A number as the language writes it.

        >>> Texts("en").number(12345.5), Texts("fi").number(0.5)
        ('12,345.5', '0,5')
        """
        return str(format_decimal(value, locale=self._locale))

    def percent(self, share: float) -> str:
        """A share of one as whole per cents.

        >>> Texts("en").percent(0.256)
        '26%'
        """
        return str(format_percent(share, locale=self._locale))

    def date(self, stated: str) -> str:
        """A date as precise as it is stated: a year, a month, a day or a time (ISO 8601); else as it stands.

        >>> Texts("fi").date("2016-05-26"), Texts("en").date("2014-06"), Texts("sv").date("2022")
        ('26.5.2016', 'June 2014', '2022')
        """
        try:
            if "T" in stated:
                moment = datetime.datetime.fromisoformat(stated.replace("Z", "+00:00"))
                return str(format_datetime(moment, "short", locale=self._locale))
            if (day := _DAY.fullmatch(stated)) is not None:
                return str(format_date(_date(day[1], day[2], day[3]), "medium", locale=self._locale))
            if (month := _MONTH.fullmatch(stated)) is not None:
                return str(format_skeleton("yMMMM", _date(month[1], month[2], "1"), locale=self._locale))
        except ValueError:
            pass
        return stated


def _date(year: str, month: str, day: str) -> datetime.date:
    return datetime.date(int(year), int(month), int(day))
