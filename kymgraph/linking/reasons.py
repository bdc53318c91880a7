"""Why a candidate was proposed, in words that a person can check, in three languages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

TEXTS: Final[dict[str, dict[str, str]]] = {
    "same-name": {
        "fi": "sama nimi: ”{ours}” ({lang})",
        "sv": "samma namn: ”{ours}” ({lang})",
        "en": "same name: “{ours}” ({lang})",
    },
    "same-words": {
        "fi": "samat sanat eri muodossa: ”{ours}”, ”{theirs}” ({lang})",
        "sv": "samma ord i annan form: ”{ours}”, ”{theirs}” ({lang})",
        "en": "same words in another form: “{ours}”, “{theirs}” ({lang})",
    },
    "qualified": {
        "fi": "sama nimi, mutta tarkenteella: ”{theirs}” ({lang})",
        "sv": "samma namn, men med en precisering: ”{theirs}” ({lang})",
        "en": "same name, but with a qualifier: “{theirs}” ({lang})",
    },
    "other-name": {
        "fi": "toinen nimi on sama: ”{ours}”, ”{theirs}” ({lang})",
        "sv": "ett annat namn är lika: ”{ours}”, ”{theirs}” ({lang})",
        "en": "another of the names is the same: “{ours}”, “{theirs}” ({lang})",
    },
    "keyword": {
        "fi": "aihealueeseen kuuluva sana: ”{theirs}”",
        "sv": "ett ord som hör till området: ”{theirs}”",
        "en": "a word that belongs to the category: “{theirs}”",
    },
    "one-part": {
        "fi": "vastaa yhtä osaa nimestä ”{ours}”: ”{theirs}” ({lang})",
        "sv": "motsvarar en del av namnet ”{ours}”: ”{theirs}” ({lang})",
        "en": "answers to one part of “{ours}”: “{theirs}” ({lang})",
    },
    "fewer-words": {
        "fi": "nimestä ”{ours}” vain osa: ”{theirs}” ({lang})",
        "sv": "bara en del av namnet ”{ours}”: ”{theirs}” ({lang})",
        "en": "only some of the words of “{ours}”: “{theirs}” ({lang})",
    },
    "more-words": {
        "fi": "nimen ”{ours}” lisäksi muuta: ”{theirs}” ({lang})",
        "sv": "mer än namnet ”{ours}”: ”{theirs}” ({lang})",
        "en": "more than “{ours}”: “{theirs}” ({lang})",
    },
    "some-words": {
        "fi": "yhteisiä sanoja: ”{ours}”, ”{theirs}” ({lang})",
        "sv": "gemensamma ord: ”{ours}”, ”{theirs}” ({lang})",
        "en": "words in common: “{ours}”, “{theirs}” ({lang})",
    },
    "spelling": {
        "fi": "lähes samoin kirjoitettu: ”{ours}”, ”{theirs}” ({lang})",
        "sv": "nästan samma stavning: ”{ours}”, ”{theirs}” ({lang})",
        "en": "spelt nearly alike: “{ours}”, “{theirs}” ({lang})",
    },
    "also": {
        "fi": "sama myös kielellä {lang}: ”{theirs}”",
        "sv": "lika även på {lang}: ”{theirs}”",
        "en": "the same in {lang} too: “{theirs}”",
    },
    "finnish-differs": {
        "fi": "suomenkieliset nimet eroavat: ”{ours}”, ”{theirs}”",
        "sv": "de finska namnen skiljer sig: ”{ours}”, ”{theirs}”",
        "en": "the Finnish names differ: “{ours}”, “{theirs}”",
    },
    "translation-only": {
        "fi": "vain oma käännöksemme on sama ({lang})",
        "sv": "bara vår egen översättning är lika ({lang})",
        "en": "only our own translation is the same ({lang})",
    },
    "type-agrees": {"fi": "sama laji: {theirs}", "sv": "samma slag: {theirs}", "en": "same kind: {theirs}"},
    "type-differs": {
        "fi": "eri laji: {theirs}",
        "sv": "annat slag: {theirs}",
        "en": "another kind of thing: {theirs}",
    },
    "within-agrees": {
        "fi": "sijainti sama: {theirs}",
        "sv": "samma läge: {theirs}",
        "en": "in the same place: {theirs}",
    },
    "within-differs": {
        "fi": "sijaitsee muualla: {theirs}",
        "sv": "ligger någon annanstans: {theirs}",
        "en": "lies elsewhere: {theirs}",
    },
    "whole": {
        "fi": "kokonaisuus, johon tämä kuuluu: ”{theirs}”",
        "sv": "helheten som detta hör till: ”{theirs}”",
        "en": "the whole that this is part of: “{theirs}”",
    },
    "ended": {
        "fi": "voimassa vain {theirs} asti",
        "sv": "gäller bara till {theirs}",
        "en": "in force only until {theirs}",
    },
    "not-yet": {
        "fi": "voimassa vasta {theirs} alkaen",
        "sv": "gäller först från {theirs}",
        "en": "in force only from {theirs}",
    },
    "period": {
        "fi": "koskee vain kautta {theirs}",
        "sv": "gäller bara perioden {theirs}",
        "en": "for the period {theirs} only",
    },
    "past": {"fi": "entinen: {theirs}", "sv": "tidigare: {theirs}", "en": "of the past: {theirs}"},
    "withdrawn": {
        "fi": "poistettu sanastosta",
        "sv": "borttaget ur vokabulären",
        "en": "withdrawn from the vocabulary",
    },
    "replaced": {"fi": "korvattu: {theirs}", "sv": "ersatt av {theirs}", "en": "replaced by {theirs}"},
    "namesakes": {
        "fi": "samannimisiä on sanastossa {theirs}",
        "sv": "{theirs} begrepp i vokabulären har samma namn",
        "en": "{theirs} concepts of the vocabulary have this name",
    },
    "has-exact": {
        "fi": "kohteella on tässä sanastossa jo täsmällinen vastine",
        "sv": "saken har redan en exakt motsvarighet i vokabulären",
        "en": "the thing has its exact match in this vocabulary already",
    },
    "code": {"fi": "sama tunnus: {theirs}", "sv": "samma kod: {theirs}", "en": "same code: {theirs}"},
    "code-shared": {
        "fi": "tunnus {theirs} on usealla, joten se ei yksilöi",
        "sv": "koden {theirs} delas av flera och identifierar ingen",
        "en": "the code {theirs} is shared by several and identifies none",
    },
    "category": {
        "fi": "laaja aihealue, johon luokitellaan",
        "sv": "en vid kategori att klassificera under",
        "en": "a wide category to file under",
    },
    "via": {
        "fi": "{theirs}, joka on linkitetty tähän, viittaa siihen",
        "sv": "{theirs}, som är länkat hit, hänvisar dit",
        "en": "{theirs}, which this is linked to, refers to it",
    },
}


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that speaks for or against a link."""

    code: str  #: a key of TEXTS; part of the JSON output
    ours: str = ""
    theirs: str = ""
    lang: str = ""

    def text(self, lang: str) -> str:
        """The reason in `fi`, `sv` or `en`.

        >>> Reason("ended", theirs="2023-12-31").text("en")
        'in force only until 2023-12-31'
        """
        return TEXTS[self.code][lang].format(ours=self.ours, theirs=self.theirs, lang=self.lang or "–")

    def to_dict(self, lang: str) -> dict[str, Any]:
        told = {"code": self.code, "ours": self.ours, "theirs": self.theirs, "lang": self.lang}
        return {**{key: value for key, value in told.items() if value}, "text": self.text(lang)}
