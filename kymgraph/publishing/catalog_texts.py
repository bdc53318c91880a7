"""What a catalogue says of every project alike: code lists of the EU, and texts in three languages.

Nothing here knows of a region: what a project says of itself is in its `data/catalog.ttl` and its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AUTHORITY: Final = "http://publications.europa.eu/resource/authority/"
IANA: Final = "http://www.iana.org/assignments/media-types/"
#: Codes of the EU's table of languages, by the codes of RDF.
LANGUAGES: Final[Mapping[str, str]] = {
    "bg": "BUL", "cs": "CES", "da": "DAN", "de": "DEU", "el": "ELL", "en": "ENG", "es": "SPA", "et": "EST",
    "fi": "FIN", "fr": "FRA", "ga": "GLE", "hr": "HRV", "hu": "HUN", "it": "ITA", "lt": "LIT", "lv": "LAV",
    "mt": "MLT", "nl": "NLD", "pl": "POL", "pt": "POR", "ro": "RON", "sk": "SLK", "sl": "SLV", "sv": "SWE",
}  # fmt: skip
#: The EU's names of licences, by what their own pages are called.
LICENCES: Final[Mapping[str, str]] = {
    "creativecommons.org/licenses/by/4.0": "CC_BY_4_0",
    "creativecommons.org/publicdomain/zero/1.0": "CC0",
    "opendatacommons.org/licenses/by/1-0": "ODC_BY",
    "opendatacommons.org/licenses/odbl/1-0": "ODC_BL",
    "opendatacommons.org/licenses/pddl/1-0": "ODC_PDDL",
}
UNKNOWN_FREQUENCY: Final = AUTHORITY + "frequency/UNKNOWN"

#: key -> language -> text
TEXTS: Final[Mapping[str, Mapping[str, str]]] = {
    "catalogue": {
        "fi": "Aineistot, jotka tästä tietämysgraafista julkaistaan, ja rajapinnat, joista ne saa.",
        "sv": "Datamängder som publiceras ur denna kunskapsgraf och gränssnitten till dem.",
        "en": "The datasets published from this knowledge graph, and the interfaces that serve them.",
    },
    "whole": {
        "fi": "Koko tietämysgraafi: kaikki sen julkaistut graafit.",
        "sv": "Hela kunskapsgrafen: alla dess publicerade grafer.",
        "en": "The whole knowledge graph: all its published graphs.",
    },
    "graph": {
        "fi": "Tietämysgraafin osa: graafi {name}.",
        "sv": "En del av kunskapsgrafen: grafen {name}.",
        "en": "A part of the knowledge graph: the graph {name}.",
    },
    "rights": {
        "fi": "Aineiston käytöstä määrää siihen merkitty lisenssi.",
        "sv": "Licensen som anges för materialet avgör hur det får användas.",
        "en": "The licence named with the data says how they may be used.",
    },
    "provenance": {
        "fi": "Koottu tietämysgraafin lähteistä; muutokset kirjataan graafin muutoslokiin.",
        "sv": "Sammanställt ur kunskapsgrafens källor; ändringar förs in i grafens ändringslogg.",
        "en": "Compiled from the sources of the knowledge graph; changes are recorded in its ledger.",
    },
    "left-out": {
        "fi": "Tästä muodosta puuttuu {n} kolmikkoa, joita RDF/XML ei pysty esittämään.",
        "sv": "I detta format saknas {n} tripplar som RDF/XML inte kan uttrycka.",
        "en": "This format lacks {n} triples that RDF/XML cannot express.",
    },
    "keyword": {"fi": "rajapinnat", "sv": "gränssnitt", "en": "application programming interfaces"},
    "sparql": {"fi": "SPARQL-rajapinta", "sv": "SPARQL-gränssnitt", "en": "SPARQL endpoint"},
    "sparql.about": {
        "fi": "SPARQL 1.1 -kyselyt koko graafiin ja sen nimettyihin graafeihin.",
        "sv": "SPARQL 1.1-frågor till hela grafen och dess namngivna grafer.",
        "en": "SPARQL 1.1 queries over the whole graph and its named graphs.",
    },
    "rest": {"fi": "REST-rajapinta", "sv": "REST-gränssnitt", "en": "REST interface"},
    "rest.about": {
        "fi": "Valmiita kysymyksiä graafille JSON-, JSON-LD-, CSV- ja XLSX-muodossa, OpenAPI-kuvauksineen.",
        "sv": "Färdiga frågor till grafen som JSON, JSON-LD, CSV och XLSX, med en OpenAPI-beskrivning.",
        "en": "Ready questions to the graph as JSON, JSON-LD, CSV and XLSX, described by OpenAPI.",
    },
    "reconcile": {
        "fi": "Nimien täsmäytysrajapinta",
        "sv": "Gränssnitt för matchning av namn",
        "en": "Reconciliation service",
    },
    "reconcile.about": {
        "fi": "Etsii taulukon nimille niitä vastaavat graafin kohteet (Reconciliation Service API 0.2).",
        "sv": "Söker de objekt i grafen som namnen i en tabell avser (Reconciliation Service API 0.2).",
        "en": "Finds the things of the graph that names in a table mean (Reconciliation Service API 0.2).",
    },
}


def text(key: str, **values: object) -> dict[str, str]:
    """A text in every language."""
    return {language: said.format(**values) for language, said in TEXTS[key].items()}


def licence(iri: str) -> str:
    """A licence by the EU's name for it, where it has one.

    >>> licence("https://creativecommons.org/licenses/by/4.0/")
    'http://publications.europa.eu/resource/authority/licence/CC_BY_4_0'
    """
    page = iri.partition("://")[2].removeprefix("www.").rstrip("/")
    return AUTHORITY + "licence/" + LICENCES[page] if page in LICENCES else iri
