"""An empty spreadsheet for things of one class: headers, help, drop-down lists. What `from_sheet` reads back.

The same state, class and language give the same bytes. Every text is written as text: what begins like a
formula stays what it is, since labels may come from anywhere.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from typing import Any, Final

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.worksheet.datavalidation import DataValidation

from kymgraph.errors import InputError
from kymgraph.intake.columns import CHOICES, Column, Layout, Model
from kymgraph.intake.dates import forms
from kymgraph.intake.faults import Text
from kymgraph.intake.tables import FORMULA_SIGNS, escaped, letter
from kymgraph.project import LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH
from kymgraph.rdf import NamedNode

#: Most rows that a template is laid out for; more can be filled in all the same.
MOST_ROWS: Final = 10_000
FORMATS: Final = ("xlsx", "csv")

_GREY: Final = PatternFill("solid", fgColor="FFE7E6E6")
_BLUE: Final = PatternFill("solid", fgColor="FFD9E7F5")
_STRONG: Final = PatternFill("solid", fgColor="FFFFE699")
_TIME: Final = (1980, 1, 1, 0, 0, 0)

HELP_SHEET: Final = Text("Ohje", "Anvisning", "Help")
LIST_SHEET: Final = Text("Luettelot", "Listor", "Lists")

_HELP_ROW: Final = Text(
    "# Ohje: tätä riviä ei lueta", "# Anvisning: den här raden läses inte", "# Help: this row is not read"
)
_YES_NO: Final = Text("kyllä,ei", "ja,nej", "yes,no")
_REQUIRED: Final = Text("Pakollinen. ", "Obligatorisk. ", "Required. ")
_MANY: Final = Text(
    " Useat arvot erotetaan puolipisteellä (;).",
    " Flera värden skiljs åt med semikolon (;).",
    " Several values are separated by a semicolon (;).",
)
_NOT_LISTED: Final = Text(
    "Arvoa ei ole luettelossa. Käytä luettelon nimeä, tunnusta tai toisella rivillä olevan kohteen nimeä.",
    "Värdet finns inte i listan. Använd ett namn ur listan, en identifierare eller namnet på en annan rad.",
    "The value is not on the list. Use a name from the list, an id, or the name of another row.",
)
_ID_HELP: Final = Text(
    "Tunnus. Jätä tyhjäksi, niin se muodostetaan nimestä. "
    "Jos kirjoitat olemassa olevan tunnuksen, rivi muuttaa sitä kohdetta.",
    "Identifierare. Lämna cellen tom, så bildas den av namnet. "
    "Om du skriver en identifierare som redan finns ändrar raden det objektet.",
    "The id. Leave it empty to have it made from the name. "
    "If you write an id that exists already, the row changes that thing.",
)
_GRAPH_HELP: Final = Text(
    "Graafi, johon rivi kuuluu. Jätä tyhjäksi, jos graafi nimetään tiedostoa lähetettäessä.",
    "Grafen som raden hör till. Lämna cellen tom om grafen anges när filen skickas.",
    "The graph that the row belongs to. Leave it empty if it is given when the file is sent.",
)
_CONTENT: Final[dict[str, Text]] = {
    "text": Text("Teksti.", "Text.", "Text."),
    "string": Text("Teksti.", "Text.", "Text."),
    "time": Text("Aika: {forms}.", "Tid: {forms}.", "Time: {forms}."),
    "number": Text(
        "Luku, esimerkiksi 1 250,50.", "Tal, till exempel 1 250,50.", "Number, for example 1 250,50."
    ),
    "boolean": Text("kyllä tai ei.", "ja eller nej.", "yes or no."),
    "reference": Text(
        "Nimi tai tunnus (luokka: {classes}).",
        "Namn eller identifierare (klass: {classes}).",
        "Name or id (class: {classes}).",
    ),
    "anything": Text(
        "Minkä tahansa kohteen nimi tai tunnus.",
        "Namn på eller identifierare för vilket objekt som helst.",
        "Name or id of anything.",
    ),
    "passage": Text(
        "Asiakirja ja sen rivit, esimerkiksi {example}. Pakollinen lähdegraafeissa.",
        "Dokument och rader, till exempel {example}. Obligatoriskt i källgrafer.",
        "Document and lines, for example {example}. Required in source graphs.",
    ),
    "link": Text("Verkko-osoite (https://…).", "Webbadress (https://…).", "Web address (https://…)."),
    "id": Text("", "", ""),
    "graph": Text("", "", ""),
}
_INTRO: Final[tuple[Text, ...]] = (
    Text(
        "# Ohje: näin täytät taulukon ”{sheet}”",
        "# Anvisning: så fyller du i tabellen ”{sheet}”",
        "# Help: how to fill in the sheet “{sheet}”",
    ),
    Text(
        "Yksi rivi on yksi kohde (luokka: {cls}). Harmaata ohjeriviä ja tätä välilehteä ei lueta.",
        "En rad är ett objekt (klass: {cls}). Den grå anvisningsraden och det här bladet läses inte.",
        "One row is one thing (class: {cls}). The grey help row and this sheet are not read.",
    ),
    Text(
        "Tähdellä (*) merkityt sarakkeet on täytettävä, kun rivi luo uuden kohteen. "
        "Sarakkeet, joita et tarvitse, voit poistaa.",
        "Kolumner med stjärna (*) måste fyllas i när raden skapar ett nytt objekt. "
        "Kolumner som du inte behöver kan du ta bort.",
        "Columns with a star (*) have to be filled in when the row makes a new thing. "
        "You may delete columns that you do not need.",
    ),
    Text(
        "Jos tunnus (id) on jo olemassa, rivi muuttaa vain täytettyjä kenttiä: tyhjä solu jättää tiedon "
        "ennalleen, viiva (-) poistaa sen.",
        "Om identifieraren (id) redan finns ändrar raden bara ifyllda fält: en tom cell lämnar uppgiften "
        "orörd, ett streck (-) tar bort den.",
        "If the id exists already, the row changes filled fields only: an empty cell leaves the fact alone, "
        "a dash (-) removes it.",
    ),
    Text(
        "Aika kirjoitetaan niin tarkasti kuin se tiedetään: 2022, 2/2022 tai 1.2.2022.",
        "Tid anges så exakt som den är känd: 2022, 2/2022 eller 1.2.2022.",
        "Times are written as precisely as they are known: 2022, 2/2022 or 1.2.2022.",
    ),
    Text(
        "Luvuissa desimaalit erotetaan pilkulla ja tuhannet välilyönnillä: 1 250 000,50.",
        "I tal skrivs decimalkomma, och tusental skiljs åt med mellanslag: 1 250 000,50.",
        "In numbers a comma stands before decimals and a space between thousands: 1 250 000,50.",
    ),
    Text(
        "Toiseen kohteeseen viitataan nimellä tai tunnuksella. Jos usealla on sama nimi, "
        "käytä tunnusta, esimerkiksi {example}.",
        "Till ett annat objekt hänvisar man med dess namn eller identifierare. Om flera har samma namn, "
        "använd identifieraren, till exempel {example}.",
        "Another thing is referred to by its name or id. If several have the same name, "
        "use the id, for example {example}.",
    ),
    Text(
        "Useat arvot samassa solussa erotetaan puolipisteellä (;). Saman otsikon voi myös toistaa.",
        "Flera värden i samma cell skiljs åt med semikolon (;). Man kan också upprepa rubriken.",
        "Several values in one cell are separated by a semicolon (;), or the column may be repeated.",
    ),
)
_TABLE: Final = (
    Text("Sarake", "Kolumn", "Column"),
    Text("Mitä kirjoitetaan", "Vad som skrivs", "What to write"),
    Text("Merkitys", "Betydelse", "Meaning"),
)


def template(model: Model, cls: str, *, format: str = "xlsx", lang: str = "fi", rows: int = 200) -> bytes:
    """An empty spreadsheet for a class (its IRI), laid out for `rows` rows, as XLSX or CSV.

    Raises InputError for another format or number of rows.
    """
    if format not in FORMATS:
        raise InputError(f"no template in format {format!r}; there are {' and '.join(FORMATS)}")
    if not 1 <= rows <= MOST_ROWS:
        raise InputError(f"a template is laid out for 1 to {MOST_ROWS} rows, not {rows}")
    layout = model.layout(cls)
    if format == "csv":
        return _csv(model, layout, lang)
    return _xlsx(model, layout, lang, rows)


def listing(model: Model, lang: str) -> list[tuple[str, str, int]]:
    """Every class that has a template: short name, label in `lang`, how many things of it there are."""
    rows = [
        (model.layout_name(iri), label.text(lang), len(model.instances([iri])))
        for iri, label in model.classes.items()
    ]
    return sorted(rows, key=lambda row: (row[1].casefold(), row[0]))


def _csv(model: Model, layout: Layout, lang: str) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    writer.writerow([escaped(header) for header in layout.headers(lang)])
    writer.writerow([escaped(help) for help in _help_row(model, layout, lang)])
    # The mark tells Excel that the letters are UTF-8.
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _help_row(model: Model, layout: Layout, lang: str) -> list[str]:
    return [
        f"{_HELP_ROW.text(lang)}. {_ID_HELP.text(lang)}"
        if column.kind == "id"
        else _help(model, column, lang)
        for column in layout.columns
    ]


def _help(model: Model, column: Column, lang: str) -> str:
    """What a person has to know to fill in a column, in a sentence or two."""
    if column.kind == "id":
        return _ID_HELP.text(lang)
    if column.kind == "graph":
        return _GRAPH_HELP.text(lang)
    names = [model.name(cls).text(lang) for cls in column.classes]
    example = f"{next(iter(sorted(model.project.sources)), 'asiakirja')}:12-14"
    kind = "anything" if column.kind == "reference" and not names else column.kind
    content = _CONTENT[kind].filled(forms=forms(column.datatypes), classes=", ".join(names), example=example)
    meaning = column.help.text(lang).rstrip(".")
    meaning = f" {meaning[:1].upper()}{meaning[1:]}." if meaning else ""
    many = _MANY.text(lang) if column.splits else ""
    return f"{_REQUIRED.text(lang) if column.required else ''}{content.text(lang)}{many}{meaning}"


# --- XLSX -----------------------------------------------------------------------------------------------


def _xlsx(model: Model, layout: Layout, lang: str, rows: int) -> bytes:
    book = Workbook()
    sheet = book.active
    sheet.title = _title(layout.name.text(lang))
    lists = book.create_sheet(LIST_SHEET.text(lang))
    lists.sheet_state = "hidden"
    last = 2 + rows
    for number, (column, header, help) in enumerate(
        zip(layout.columns, layout.headers(lang), _help_row(model, layout, lang), strict=True), 1
    ):
        top = _write(sheet, 1, number, header)
        top.font, top.fill = Font(bold=True), _STRONG if column.required else _BLUE
        top.alignment = Alignment(wrap_text=True, vertical="top")
        below = _write(sheet, 2, number, help)
        below.font, below.fill = Font(italic=True, color="FF595959"), _GREY
        below.alignment = Alignment(wrap_text=True, vertical="top")
        sheet.column_dimensions[letter(number)].width = _width(column, header)
        # As text, a cell keeps what was typed: 2/2022 stays a month, 00100 a postcode.
        if column.kind != "number":
            for row in range(3, last + 1):
                sheet.cell(row, number).number_format = "@"
        _validate(model, sheet, lists, column, number, last, lang)
    sheet.row_dimensions[2].height = 90
    sheet.freeze_panes = "C3"
    _help_sheet(model, book, layout, lang, sheet.title)
    return _settled(book)


def _title(name: str) -> str:
    """A sheet's name: Excel takes 31 characters, and not all of them."""
    return re.sub(r"[\[\]:*?/\\]", " ", name).strip("' ")[:31] or "data"


def _write(sheet: Any, row: int, column: int, text: str) -> Any:
    """Write text as text, also where it begins like a formula."""
    cell = sheet.cell(row, column)
    cell.value = text
    if text.startswith(FORMULA_SIGNS):
        cell.data_type = "s"
        cell.quotePrefix = True
    return cell


def _width(column: Column, header: str) -> float:
    if column.kind == "text":
        return 40.0
    return float(min(max(len(header) + 2, 16), 40))


def _validate(
    model: Model, sheet: Any, lists: Any, column: Column, number: int, last: int, lang: str
) -> None:
    """Give a column its drop-down list."""
    area = f"{letter(number)}3:{letter(number)}{last}"
    if column.kind == "boolean":
        rule = DataValidation("list", formula1=f'"{_YES_NO.text(lang)}"', allow_blank=True)
    else:
        where = _list(model, lists, column, lang)
        if not where:
            return
        rule = DataValidation("list", formula1=where, allow_blank=True)
    rule.errorStyle = "warning"
    rule.error = _NOT_LISTED.text(lang)
    # A list cannot hold every combination, so a cell for several values only suggests.
    rule.showErrorMessage = not column.many
    rule.add(area)
    sheet.add_data_validation(rule)


def _list(model: Model, lists: Any, column: Column, lang: str) -> str:
    """Where the choices of a column stand on the hidden sheet; columns for the same classes share a list."""
    key = " ".join(map(model.curie, column.classes)) or column.short
    filled = lists.max_column if lists.cell(1, 1).value is not None else 0
    place = next((n for n in range(1, filled + 1) if lists.cell(1, n).value == key), 0)
    if not place:
        choices = _choices(model, column, lang)
        if not choices:
            return ""
        place = filled + 1
        for row, text in enumerate([key, *choices], 1):
            _write(lists, row, place, text)
    last = max(row for row in range(1, lists.max_row + 1) if lists.cell(row, place).value is not None)
    return f"'{lists.title}'!${letter(place)}$2:${letter(place)}${last}"


def _choices(model: Model, column: Column, lang: str) -> list[str]:
    """What a drop-down list offers: names, with the id where a name alone would not do."""
    if column.kind == "graph":
        return _graphs(model)
    if column.kind == "passage":
        iris = model.instances(column.classes)
        prefix = model.project.base.id("passage", "")
        found = [re.fullmatch(r"(.+)/([0-9]+)-([0-9]+)", iri.removeprefix(prefix)) for iri in iris]
        keys = sorted((m[1], int(m[2]), int(m[3])) for m in found if m)
        return [f"{document}:{first}-{last}" for document, first, last in keys][:CHOICES]
    if column.kind != "reference" or column.path is None:
        return []
    # Where anything may be referred to, what others refer to is a hint: the schemes, for a concept.
    iris = model.instances(column.classes) if column.classes else model.referred_to(column.path)
    called: dict[str, list[str]] = {}
    for iri in iris:
        called.setdefault(model.label(iri, lang), []).append(iri)
    choices = []
    for label, bearers in called.items():
        # A name that another one has too, be it in another language, is not enough to tell them apart.
        alone = len(bearers) == 1 and len(model.called(label, column.classes)) == 1
        choices += [label] if alone else [f"{label} [{model.curie(iri)}]" for iri in bearers]
    return sorted(choices, key=lambda text: (text.casefold(), text))


def _graphs(model: Model) -> list[str]:
    base = model.project.base
    closed = {LEDGER_GRAPH, ONTOLOGY_GRAPH, SHAPES_GRAPH}
    names = (base.graph_name(graph.value) for graph in model.view.graphs() if isinstance(graph, NamedNode))
    return sorted(name for name in names if name and name not in closed)


def _help_sheet(model: Model, book: Any, layout: Layout, lang: str, title: str) -> None:
    sheet = book.create_sheet(HELP_SHEET.text(lang), 1)
    some = next((c for c in layout.columns if c.kind == "reference" and c.classes), None)
    thing = next(iter(model.instances(some.classes)), "") if some else ""
    example = model.curie(thing) if thing else "organisation:kymenlaakson-liitto"
    for row, text in enumerate(_INTRO, 1):
        filled = text.filled(sheet=title, cls=layout.name, example=example)
        cell = _write(sheet, row, 1, filled.text(lang))
        cell.font = Font(bold=row == 1, size=13 if row == 1 else 11)
    start = len(_INTRO) + 2
    for number, text in enumerate(_TABLE, 1):
        cell = _write(sheet, start, number, text.text(lang))
        cell.font, cell.fill = Font(bold=True), _BLUE
    for row, (column, header) in enumerate(zip(layout.columns, layout.headers(lang), strict=True), start + 1):
        meaning = column.help.text(lang)
        plain = _help(model, column, lang)
        _write(sheet, row, 1, header)
        _write(sheet, row, 2, plain[: len(plain) - len(meaning) - 2].rstrip() if meaning else plain)
        _write(sheet, row, 3, meaning)
        for number in (1, 2, 3):
            sheet.cell(row, number).alignment = Alignment(wrap_text=True, vertical="top")
    for name, width in (("A", 36.0), ("B", 60.0), ("C", 70.0)):
        sheet.column_dimensions[name].width = width


def _settled(book: Any) -> bytes:
    """The workbook's bytes without the time of day in them: openpyxl writes it in two places."""
    raw = io.BytesIO()
    book.properties.creator = "kymgraph"
    book.save(raw)
    out = io.BytesIO()
    with zipfile.ZipFile(raw) as made, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as kept:
        for name in made.namelist():
            data = made.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z", b"2000-01-01T00:00:00Z", data)
            kept.writestr(zipfile.ZipInfo(name, _TIME), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()
