"""Every sentence of the pages in Finnish, Swedish and English; a page never holds text of its own."""

from __future__ import annotations

from typing import Final

from api.negotiate import Language

#: key -> (fi, sv, en)
_TEXTS: Final[dict[str, tuple[str, str, str]]] = {
    "skip": ("Siirry sisältöön", "Hoppa till innehållet", "Skip to content"),
    "language": ("Kieli", "Språk", "Language"),
    "nav": ("Sivut", "Sidor", "Pages"),
    "nav.query": ("Kysely", "Fråga", "Query"),
    "nav.examples": ("Esimerkit", "Exempel", "Examples"),
    "nav.graphs": ("Graafit", "Grafer", "Graphs"),
    "nav.docs": ("Rajapinta", "Gränssnitt", "Interface"),
    "query.title": ("SPARQL-kysely", "SPARQL-fråga", "SPARQL query"),
    "query.text": ("Kysely", "Fråga", "Query"),
    "query.run": ("Suorita kysely", "Kör frågan", "Run query"),
    "query.keys": ("Ctrl+Enter suorittaa.", "Ctrl+Enter kör.", "Ctrl+Enter runs it."),
    "query.format": ("Tuloksen muoto", "Resultatets format", "Result format"),
    "query.format.html": ("taulukko tällä sivulla", "tabell på denna sida", "table on this page"),
    "query.format.solutions": ("SELECT, ASK", "SELECT, ASK", "SELECT, ASK"),
    "query.format.graphs": ("CONSTRUCT, DESCRIBE", "CONSTRUCT, DESCRIBE", "CONSTRUCT, DESCRIBE"),
    "query.example": ("Esimerkkikysely", "Exempelfråga", "Example query"),
    "query.example.open": ("Avaa", "Öppna", "Open"),
    "query.example.all": ("Kaikki esimerkit", "Alla exempel", "All examples"),
    "result.title": ("Tulos", "Resultat", "Result"),
    "result.rows": ("Rivejä: {n}", "Rader: {n}", "Rows: {n}"),
    "result.triples": ("Kolmikot Turtle-muodossa", "Tripplar i Turtle", "Triples in Turtle"),
    "result.cut": (
        "Sivulla näkyy vain alku. Lataa koko tulos alla olevista linkeistä.",
        "Sidan visar bara början. Hämta hela resultatet med länkarna nedan.",
        "The page shows only the beginning. Get the whole result from the links below.",
    ),
    "result.empty": (
        "Kysely onnistui, mutta yhtään riviä ei löytynyt.",
        "Frågan lyckades men gav inga rader.",
        "The query succeeded and found no rows.",
    ),
    "result.yes": ("Kyllä", "Ja", "Yes"),
    "result.no": ("Ei", "Nej", "No"),
    "result.unbound": ("ei arvoa", "inget värde", "no value"),
    "result.share": ("Linkki tähän kyselyyn", "Länk till denna fråga", "Link to this query"),
    "result.download": ("Lataa", "Hämta", "Download"),
    "problem.position": (
        "rivi {line}, sarake {column}",
        "rad {line}, kolumn {column}",
        "line {line}, column {column}",
    ),
    "problem.hint": ("Vihje", "Tips", "Hint"),
    "examples.title": ("Esimerkkikyselyt", "Exempelfrågor", "Example queries"),
    "examples.intro": (
        "Kysymyksiä, joihin tämä graafi vastaa. Avaa kysely lomakkeelle ja muuta sitä.",
        "Frågor som grafen besvarar. Öppna en fråga i formuläret och ändra den.",
        "Questions that this graph answers. Open one in the form and change it.",
    ),
    "examples.none": (
        "Tässä projektissa ei ole esimerkkikyselyjä.",
        "Projektet har inga exempelfrågor.",
        "This project has no example queries.",
    ),
    "examples.answers": ("Vastaa kysymykseen", "Besvarar frågan", "Answers question"),
    "graphs.title": ("Nimetyt graafit", "Namngivna grafer", "Named graphs"),
    "graphs.intro": (
        "Kukin lähdeasiakirja on omana graafinaan. Sukupolvi {generation}.",
        "Varje källdokument är en egen graf. Generation {generation}.",
        "Each source document is a graph of its own. Generation {generation}.",
    ),
    "graphs.name": ("Graafi", "Graf", "Graph"),
    "graphs.triples": ("Kolmikoita", "Tripplar", "Triples"),
    "graphs.default": ("oletusgraafi", "standardgraf", "default graph"),
    "report.title": ("Validointiraportti", "Valideringsrapport", "Validation report"),
    "report.conforms": (
        "Tiedot ovat muotojen mukaisia.",
        "Data följer formerna.",
        "The data conforms to the shapes.",
    ),
    "report.refused": (
        "Tiedot eivät ole muotojen mukaisia. Mitään ei kirjoitettu.",
        "Data följer inte formerna. Inget skrevs.",
        "The data does not conform to the shapes. Nothing was written.",
    ),
    "report.focus": ("Resurssi", "Resurs", "Resource"),
    "report.path": ("Ominaisuus", "Egenskap", "Property"),
    "report.value": ("Arvo", "Värde", "Value"),
    "report.severity": ("Vakavuus", "Allvarlighetsgrad", "Severity"),
    "report.message": ("Korjaus", "Åtgärd", "How to mend it"),
    "docs.title": ("HTTP-rajapinta", "HTTP-gränssnitt", "HTTP interface"),
    "docs.machine": ("Koneluettava kuvaus", "Maskinläsbar beskrivning", "Machine-readable description"),
    "docs.parameters": ("Parametrit", "Parametrar", "Parameters"),
    "docs.required": ("pakollinen", "obligatorisk", "required"),
    "docs.responses": ("Vastaukset", "Svar", "Responses"),
    "docs.problems": ("Virhekoodit", "Felkoder", "Problem codes"),
    "docs.problems.intro": (
        "Jokainen virhe on RFC 9457:n mukainen application/problem+json, jonka code on pysyvä.",
        "Varje fel är application/problem+json enligt RFC 9457 med ett stabilt code.",
        "Every refusal is application/problem+json (RFC 9457) with a stable code.",
    ),
}
_COLUMN: Final[dict[Language, int]] = {"fi": 0, "sv": 1, "en": 2}


class Texts:
    """The sentences of one language, as templates call them.

    >>> Texts("sv")("result.rows", n=3)
    'Rader: 3'
    """

    def __init__(self, lang: Language) -> None:
        self.lang = lang

    def __call__(self, key: str, **values: object) -> str:
        return _TEXTS[key][_COLUMN[self.lang]].format(**values)
