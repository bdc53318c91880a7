"""Why a record was set aside, in words: a text per code in fi, sv and en."""

from __future__ import annotations

from typing import Final

#: `{field}` is the field in the catalogue, `{value}` the beginning of its value.
REASONS: Final[dict[str, dict[str, str]]] = {
    "not-an-object": {
        "fi": "Tietue ei ole JSON-olio.",
        "sv": "Posten är inget JSON-objekt.",
        "en": "The record is no JSON object.",
    },
    "no-id": {
        "fi": "Tietueella ei ole tunnusta, jolla sen tuntisi seuraavalla kerralla ({field}).",
        "sv": "Posten har ingen identifierare som den kan kännas igen på nästa gång ({field}).",
        "en": "The record has no identifier by which it could be known the next time ({field}).",
    },
    "same-id": {
        "fi": "Luettelossa on kaksi eri tietuetta samalla tunnuksella; kumpaakaan ei otettu.",
        "sv": "Katalogen har två olika poster med samma identifierare; ingendera togs in.",
        "en": "The catalogue has two different records with one identifier; neither was taken.",
    },
    "no-title": {
        "fi": "Tietueella ei ole nimeä millään kielellä.",
        "sv": "Posten har inget namn på något språk.",
        "en": "The record has no title in any language.",
    },
    "not-public": {
        "fi": "Tietue on poistettu tai yksityinen ({field}).",
        "sv": "Posten är borttagen eller privat ({field}).",
        "en": "The record is deleted or private ({field}).",
    },
    "wrong-kind": {
        "fi": "Kentän {field} arvo on väärää lajia: {value}",
        "sv": "Fältet {field} har ett värde av fel slag: {value}",
        "en": "The field {field} holds a value of the wrong kind: {value}",
    },
    "not-a-text": {
        "fi": "Kentän {field} arvo ei ole teksti: {value}",
        "sv": "Fältet {field} är ingen text: {value}",
        "en": "The field {field} is no text: {value}",
    },
    "broken-text": {
        "fi": "Kentän {field} teksti on rikki, sen merkistöä on luettu väärin: {value}",
        "sv": "Texten i fältet {field} är trasig, teckenkodningen har lästs fel: {value}",
        "en": "The text of {field} is broken: it was once read in the wrong encoding: {value}",
    },
    "control-character": {
        "fi": "Kentän {field} tekstissä on ohjausmerkki: {value}",
        "sv": "Texten i fältet {field} innehåller ett styrtecken: {value}",
        "en": "The text of {field} holds a control character: {value}",
    },
    "too-long": {
        "fi": "Kentän {field} teksti on liian pitkä.",
        "sv": "Texten i fältet {field} är för lång.",
        "en": "The text of {field} is too long.",
    },
    "too-many": {
        "fi": "Kentässä {field} on liian monta arvoa.",
        "sv": "Fältet {field} har för många värden.",
        "en": "The field {field} has too many values.",
    },
    "bad-language": {
        "fi": "Kentän {field} kielitunnus ei kelpaa: {value}",
        "sv": "Språkkoden i fältet {field} duger inte: {value}",
        "en": "The language tag of {field} is none: {value}",
    },
    "bad-url": {
        "fi": "Kentän {field} arvo ei ole verkko-osoite: {value}",
        "sv": "Fältet {field} är ingen webbadress: {value}",
        "en": "The field {field} is no address of the web: {value}",
    },
    "bad-date": {
        "fi": "Kentän {field} arvo ei ole päiväys: {value}",
        "sv": "Fältet {field} är inget datum: {value}",
        "en": "The field {field} is no date: {value}",
    },
    "bad-size": {
        "fi": "Kentän {field} arvo ei ole tavumäärä: {value}",
        "sv": "Fältet {field} är inget antal byte: {value}",
        "en": "The field {field} is no number of bytes: {value}",
    },
    #: The gate's own words follow in `detail`.
    "shapes": {
        "fi": "Tietue ei noudata haettujen graafien sääntöjä:",
        "sv": "Posten följer inte reglerna för hämtade grafer:",
        "en": "The record breaks the shapes of harvested graphs:",
    },
}


def reason(code: str, lang: str, *, field: str = "", value: str = "", detail: str = "") -> str:
    """Why a record was set aside, in one sentence.

    >>> reason("bad-date", "en", field="date_released", value="spring")
    'The field date_released is no date: spring'
    """
    # Not str.format: the value is a stranger's text, and it may hold braces.
    words = REASONS[code][lang].replace("{field}", field).replace("{value}", value)
    return f"{words} {detail}".strip()
