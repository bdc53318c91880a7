"""Spreadsheets: what planners type becomes exact quads, what they mistype is shown to them cell by cell."""

from __future__ import annotations

import datetime
import io
import random
import re
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymgraph import files
from kymgraph.changeset import Changeset
from kymgraph.errors import BadParameter, GraphNotWritable, InputError, SheetRefused, UnsafePayload
from kymgraph.gate import full
from kymgraph.intake import tables
from kymgraph.intake.apart import from_sheet_apart
from kymgraph.intake.columns import Model
from kymgraph.intake.dates import DATE, DATE_TIME, EDTF, MONTH, MONTH_DAY, YEAR, parse_boolean, parse_time
from kymgraph.intake.faults import MESSAGES, CellError, Fault, to_text
from kymgraph.intake.numbers import parse_euros, parse_number
from kymgraph.intake.sheet import SheetChange, from_sheet, slug_of
from kymgraph.intake.template import listing, template
from kymgraph.namespaces import DCTERMS, KYM, RDF, SKOS, XSD
from kymgraph.overlay import OverlayView
from kymgraph.project import Project
from kymgraph.rdf import FORMATS, Literal, NamedNode, Quad, parse, skolemise
from kymgraph.store.memory import MemoryView

from ..conftest import ROOT, MakeProject
from ..needs import size

ID = "https://w3id.org/kymgraph/id/"
GRAPH = "https://w3id.org/kymgraph/graph/"
PLANS = GRAPH + "hankkeet-2027"
TYPE = NamedNode(RDF + "type")
PREF = NamedNode(SKOS + "prefLabel")
SECRET_SIGNS = ("=1+1", "+358", "-2", "@SUM(A1)", '=HYPERLINK("http://a.example")')


@pytest.fixture(scope="module")
def project() -> Project:
    return Project.load(ROOT)


@pytest.fixture(scope="module")
def shipped_quads(project: Project) -> list[Quad]:
    return skolemise(files.read(project).quads(), project.base)


@pytest.fixture(scope="module")
def view(project: Project, shipped_quads: list[Quad]) -> MemoryView:
    return MemoryView(shipped_quads, in_union=project.in_union)


@pytest.fixture(scope="module")
def model(project: Project, view: MemoryView) -> Model:
    return Model(view, project)


@pytest.fixture
def read(project: Project, view: MemoryView):
    """read(rows or bytes, …): the change that a spreadsheet makes to the shipped data."""

    def run(rows: Sequence[Sequence[object]] | bytes, suffix: str = ".csv", **options: object) -> SheetChange:
        data = rows if isinstance(rows, bytes) else as_csv(rows) if suffix == ".csv" else as_xlsx(rows)
        given = {"graph": "hankkeet-2027", "name": "hankkeet" + suffix} | options
        return from_sheet(data, project=project, view=view, suffix=suffix, **given)

    return run


@pytest.fixture
def faults_of(read):
    """faults_of(rows): what a spreadsheet is refused for."""

    def run(rows: Sequence[Sequence[object]] | bytes, suffix: str = ".csv", **options: object) -> list[Fault]:
        with pytest.raises(SheetRefused) as refused:
            read(rows, suffix, **options)
        return [fault for fault in refused.value.faults if isinstance(fault, Fault)]

    return run


def as_csv(rows: Iterable[Sequence[object]], delimiter: str = ";") -> bytes:
    def quoted(value: object) -> str:
        text = "" if value is None else str(value)
        return '"' + text.replace('"', '""') + '"' if re.search(r'[;,\t"\n]', text) else text

    return "\r\n".join(delimiter.join(map(quoted, row)) for row in rows).encode("utf-8-sig")


def as_xlsx(rows: Iterable[Sequence[object]], title: str = "hanke", formats: Mapping[str, str] = {}) -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            if value is not None:
                book.active.cell(number, column).value = value
    for place, number_format in formats.items():
        book.active[place].number_format = number_format
    return saved(book)


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def repacked(data: bytes, change: Mapping[str, bytes | None]) -> bytes:
    """A workbook with parts replaced, added, or (None) left out."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            if name not in change:
                new.writestr(name, old.read(name))
        for name, content in change.items():
            if content is not None:
                new.writestr(name, content)
    return out.getvalue()


def part(data: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name)


def objects(change: SheetChange, slug: str, path: str) -> set[str]:
    """What the change adds to a field of a project, as short text."""
    return {
        str(q.object).replace(f"<{ID}", "").replace(f"^^<{XSD}", "^").rstrip(">")
        for q in change.change.added
        if q.subject == NamedNode(f"{ID}project/{slug}") and q.predicate.value == path
    }


def after(view: MemoryView, change: Changeset, project: Project) -> OverlayView:
    return OverlayView(view, change, project.in_union)


# --- templates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["xlsx", "csv"])
@pytest.mark.parametrize("lang", ["fi", "sv", "en"])
def test_an_untouched_template_changes_nothing(model, project, view, format, lang):
    for cls in ("Project", "kym:Figure", "organisaatio"):
        empty = template(model, model.find_class(cls), format=format, lang=lang, rows=5)

        assert from_sheet(empty, project=project, view=view, suffix="." + format).change.empty


def test_every_class_has_a_template_that_reads_back(model, project, view):
    for iri in sorted(model.classes)[:: size(quick=9, ci=4, night=1)]:
        for format in ("xlsx", "csv"):
            empty = template(model, iri, format=format, rows=2)

            assert from_sheet(empty, project=project, view=view, suffix="." + format).change.empty, iri


def test_a_template_is_the_same_bytes_for_the_same_state(project, shipped_quads, model):
    reordered = list(shipped_quads)
    random.Random(1).shuffle(reordered)
    other = Model(MemoryView(reordered, in_union=project.in_union), project)
    cls = model.find_class("hanke")

    made = template(model, cls)
    assert made == template(other, cls)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:  # the time of day is in no part
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_columns_of_a_project_follow_from_shapes_domain_and_use(model):
    headers = model.layout(model.find_class("hanke")).headers("fi")

    assert headers[:2] == ["id [Project]", "nimi (fi) * [prefLabel@fi]"]
    assert headers[-2:] == ["lähde [restsOn]", "graafi [graph]"]
    assert {"alku [startedOn]", "jatkaa [continues]", "koskee teemaa [theme]"} <= set(headers)
    # the inverse of a relation, what a shape forbids, and what belongs to other classes are no columns
    shorts = {column.short for column in model.layout(model.find_class("henkilö")).columns}
    assert not {"hasPart", "hasElement", "foaf:mbox", "owl:sameAs", "businessId"} & shorts


def test_a_shape_marks_what_a_new_row_needs(model):
    columns = {c.short: c for c in model.layout(model.find_class("Figure")).columns}

    assert {short for short, c in columns.items() if c.required} == {
        "prefLabel@fi", "value", "unit", "asPrinted@fi"
    }  # fmt: skip
    assert columns["value"].header("sv") == "värde * [value]"


def test_a_template_offers_names_in_lists_and_keeps_dates_as_text(model):
    book = openpyxl.load_workbook(io.BytesIO(template(model, model.find_class("hanke"), rows=10)))
    sheet, hidden = book["hanke"], book["Luettelot"]
    headers = [cell.value for cell in sheet[1]]
    status = headers.index("tila [status]") + 1
    rules = {str(rule.sqref): rule.formula1 for rule in sheet.data_validations.dataValidation}

    where = rules[f"{tables.letter(status)}3:{tables.letter(status)}12"]
    listed = [cell.value for (cell,) in hidden[where.partition("!")[2].replace("$", "")]]
    assert {"käynnissä", "suunniteltu", "päättynyt"} <= set(listed)
    assert hidden.sheet_state == "hidden"
    assert sheet.freeze_panes == "C3"
    assert sheet.cell(3, headers.index("alku [startedOn]") + 1).number_format == "@"
    assert sheet["A2"].fill.fgColor.rgb == "FFE7E6E6"
    assert str(sheet["A2"].value).startswith("#")


def test_every_entry_of_every_list_is_understood(model, read):
    cls = model.find_class("hanke")
    book = openpyxl.load_workbook(io.BytesIO(template(model, cls, rows=1)))
    sheet = book["hanke"]
    headers = [str(cell.value) for cell in sheet[1]]
    rows: list[list[object]] = [["id [Project]", "nimi (fi)", *headers]]
    for rule in sheet.data_validations.dataValidation:
        place = openpyxl.utils.cell.coordinate_from_string(str(rule.sqref).split(":")[0])[0]
        header = str(sheet[f"{place}1"].value)
        listed = book["Luettelot"][str(rule.formula1).partition("!")[2].replace("$", "")]
        for n, (cell,) in enumerate(listed):
            row: list[object] = [f"{place.lower()}-{n}", "x"] + [None] * len(headers)
            row[2 + headers.index(header)] = cell.value
            rows.append(row)
    rows[0][2] = rows[0][3] = None  # id and name stand in front
    for number in range(2, len(headers) + 2):
        if str(rows[0][number]).startswith(("id [", "nimi (fi)")):
            rows[0][number] = None

    change = read(rows, ".xlsx")

    assert len(change.change.added) >= 3 * (len(rows) - 1) - 20


def test_labels_that_look_like_formulas_are_written_as_text(make_project):
    quads = "".join(
        f"<{ID}theme/t{n}> a kym:Theme ; skos:prefLabel {escaped_turtle(label)}@fi .\n"
        for n, label in enumerate(SECRET_SIGNS)
    )
    project, view = small(make_project, quads)
    book = openpyxl.load_workbook(io.BytesIO(template(Model(view, project), KYM + "Plan")))

    listed = [cell for row in book["Luettelot"].iter_rows() for cell in row if cell.value is not None]
    assert {cell.value for cell in listed} >= set(SECRET_SIGNS)
    for sheet in book:
        assert all(cell.data_type != "f" for row in sheet.iter_rows() for cell in row)


def escaped_turtle(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def test_a_csv_field_never_begins_like_a_formula():
    for sign in SECRET_SIGNS:
        assert not tables.escaped(sign).startswith(tables.FORMULA_SIGNS)
        assert tables.unescaped(tables.escaped(sign)) == sign


@pytest.mark.parametrize(
    "name", ["Project", "kym:Project", KYM + "Project", "hanke", "projekt", "HANKE", "project"]
)
def test_a_class_is_found_by_any_of_its_names(model, name):
    assert model.find_class(name) == KYM + "Project"


def test_an_unknown_class_is_answered_with_one_that_is_near(model):
    with pytest.raises(BadParameter) as refused:
        model.find_class("hankke")
    assert "kym:Project" in str(refused.value.hint)


def test_the_list_of_classes_is_in_the_language_asked_for(model):
    found = {name: label for name, label, _ in listing(model, "sv")}
    assert found["Project"] == "projekt"
    assert "Passage" not in found


# --- twenty projects ------------------------------------------------------------------------------------

HEAD = (
    "id [Project]", "nimi (fi)", "nimi (sv)", "kuvaus (fi)", "alku", "suunniteltu loppu", "on tilassa",
    "theme", "tekijänä", "lähde",
)  # fmt: skip


def twenty() -> list[list[object]]:
    """Twenty new projects as a planner would type them."""
    rows: list[list[object]] = [list(HEAD)]
    for n in range(20):
        rows.append(
            [
                None if n % 2 else f"kehityshanke-{n}",
                f"Kehityshanke {n}",
                f"Utvecklingsprojekt {n}",
                f"Hanke, jossa on {n} osaa; toinen virke.",
                ("2027", "2/2027", "15.2.2027", "2027-03-02")[n % 4],
                "12/2029",
                ("suunniteltu", "käynnissä", "planned")[n % 3],
                "palvelut; yrittäjyys" if n % 5 else "theme:palvelut",
                "Kymenlaakson liitto",
                "kouvolan-seudun-koko:62-62",
            ]
        )
    return rows


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_three_mistakes_are_shown_by_cell_in_finnish(faults_of, suffix):
    rows = twenty()
    rows[3][1] = None  # row 4: no name
    rows[7][8] = "Kymenlakson liitto"  # row 8: a link that dangles
    rows[15][4] = "31.2.2027"  # row 16: no such day

    found = faults_of(rows, suffix)

    assert [(f.cell.row, f.cell.column, f.code) for f in found] == [
        (4, "B", "required"),
        (8, "I", "link-unknown"),
        (16, "E", "date-impossible"),
    ]
    sheet = "hanke" if suffix == ".xlsx" else "hankkeet"
    assert to_text(found, "fi").splitlines() == [
        f"{sheet}, solu B4 (nimi (fi))",
        "    Pakollinen tieto puuttuu: nimi (fi). Täytä solu.",
        f"{sheet}, solu I8 (tekijänä): ”Kymenlakson liitto”",
        "    Kohdetta ei löydy (luokka: toimija). Tarkista kirjoitusasu tai käytä tunnusta. "
        "Tarkoititko: Kymenlaakson liitto?",
        f"{sheet}, solu E16 (alku): ”31.2.2027”",
        "    Tällaista päivää tai kuukautta ei ole. "
        "Kirjoita vuosi (2022), kuukausi (2/2022) tai päivä (1.2.2022).",
    ]


def test_a_refusal_says_what_to_do_and_that_nothing_was_written(read):
    with pytest.raises(SheetRefused) as refused:
        read([HEAD, ["x", None]])
    assert refused.value.message.splitlines() == [
        "Taulukkoa ei otettu vastaan eikä mitään tallennettu. Virheitä: 1.",
        "hankkeet, solu B2 (nimi (fi))",
        "    Pakollinen tieto puuttuu: nimi (fi). Täytä solu.",
    ]
    assert refused.value.hint == "Korjaa solut ja lähetä tiedosto uudelleen."


def test_the_mended_sheet_passes_the_gate_on_the_shipped_data(read, project, view, shipped_quads):
    change = read(twenty()).change

    report = full.validate([*shipped_quads, *change.added], project)

    assert report.accepted, report.to_text()
    made = {q.subject for q in change.added if q.predicate == TYPE}
    assert len(made) == 20
    assert not change.removed


def test_csv_and_xlsx_of_the_same_rows_are_the_same_change(read):
    rows = twenty()

    assert read(rows).change.added == read(rows, ".xlsx").change.added
    assert read(as_csv(rows, ",")).change.added == read(as_csv(rows, "\t")).change.added


def test_the_template_filled_in_gives_the_same_as_bare_rows(model, read):
    book = openpyxl.load_workbook(io.BytesIO(template(model, model.find_class("hanke"), rows=30)))
    sheet = book["hanke"]
    columns = {str(cell.value).partition(" [")[0].rstrip("* "): cell.column for cell in sheet[1]}
    columns |= {"theme": columns["koskee teemaa"], "on tilassa": columns["tila"]}
    columns["tekijänä"] = columns["toteuttaja"]
    columns["id [Project]"] = 1
    for number, row in enumerate(twenty()[1:], 3):
        for header, value in zip(HEAD, row, strict=True):
            if value is not None:
                sheet.cell(number, columns[header]).value = value

    assert read(saved(book), ".xlsx").change.added == read(twenty()).change.added


def test_each_quad_of_a_new_project_is_what_was_typed(read):
    change = read(twenty())

    assert objects(change, "kehityshanke-1", KYM + "startedOn") == {'"2027-02"^gYearMonth'}
    assert objects(change, "kehityshanke-1", KYM + "plannedEnd") == {'"2029-12"^gYearMonth'}
    assert objects(change, "kehityshanke-1", KYM + "status") == {"status/under-way"}
    assert objects(change, "kehityshanke-1", KYM + "theme") == {"theme/palvelut", "theme/yrittajyys"}
    assert objects(change, "kehityshanke-1", KYM + "carriedOutBy") == {"organisation/kymenlaakson-liitto"}
    assert objects(change, "kehityshanke-1", KYM + "restsOn") == {"passage/kouvolan-seudun-koko/62-62"}
    assert objects(change, "kehityshanke-1", DCTERMS + "description") == {
        '"Hanke, jossa on 1 osaa; toinen virke."@fi'
    }
    assert {q.graph_name for q in change.change.added} == {NamedNode(PLANS)}


def test_what_the_gate_finds_is_located_in_the_sheet(read, project, shipped_quads):
    rows = twenty()
    rows[5][5] = "2020"  # row 6 is planned to end before the source says it starts
    rows[5].append("2019")
    rows[0].append("loppu")
    change = read(rows, ".xlsx")

    report = full.validate(
        [*shipped_quads, *change.change.added],
        project,
        only={q.subject for q in change.change.added},
        locate=change.location,
    )

    assert not report.accepted
    assert {change.locate(r, "fi") for r in report.violations} == {"hanke, solu K6 (loppu)"}
    assert "hankkeet.xlsx#hanke:6" in report.to_text("fi")
    shown = change.located(report, "fi").to_text("fi")
    assert "VIRHE  Kehityshanke 4 (id:project/kehityshanke-4)  hankkeet.xlsx: hanke, solu K6 (loppu)" in shown


def test_a_missing_field_is_located_in_its_empty_cell_and_a_stranger_nowhere(read):
    class Missing:
        focus = NamedNode(f"{ID}project/kehityshanke-2")
        path = NamedNode(KYM + "status")
        value = None

    class Stranger(Missing):
        focus = NamedNode(f"{ID}project/tahtitaajamat")

    class NoColumn(Missing):
        path = NamedNode(KYM + "sector")

    rows = twenty()
    rows[3][6] = None
    change = read(rows)

    assert change.locate(Missing(), "fi") == "hankkeet, solu G4 (on tilassa)"
    assert change.locate(NoColumn(), "sv") == "hankkeet, rad 4"
    assert change.locate(Stranger()) == ""


# --- rows that change what is there ---------------------------------------------------------------------


def test_a_row_of_a_known_id_changes_filled_cells_only(read, view, project):
    change = read(
        [
            ["id [Project]", "alku", "loppu", "jatkaa", "theme"],
            ["kymaes-2-kasvun-alustat", "2/2022", None, "-", ""],
        ],
        graph=None,
    ).change

    assert {str(q.predicate.value).rpartition("#")[2] for q in change.added} == {"startedOn"}
    assert sorted(q.predicate.value.rpartition("#")[2] for q in change.removed) == ["continues", "startedOn"]
    assert {q.graph_name.value for q in (*change.added, *change.removed)} == {
        GRAPH + "alykkaan-erikoistumisen-strategia-2"
    }
    new = list(
        after(view, change, project).quads(
            NamedNode(f"{ID}project/kymaes-2-kasvun-alustat"), NamedNode(KYM + "startedOn"), None, None
        )
    )
    assert [q.object.value for q in new] == ["2022-02"]


def test_the_same_sheet_sent_again_changes_nothing(read, view, project):
    first = read(twenty())

    again = from_sheet(
        as_csv(twenty()), project=project, view=after(view, first.change, project), suffix=".csv",
        graph="hankkeet-2027", name="hankkeet.csv",
    )  # fmt: skip

    assert again.change.empty
    assert again.change.base == view.generation


def test_a_changeset_is_exact_against_the_view(read, view):
    change = read(
        [["id [Project]", "theme"], ["kymaes-2", "innovaatiotoiminta; palvelut"]], graph=None
    ).change

    held = set(view.quads(NamedNode(f"{ID}project/kymaes-2"), NamedNode(KYM + "theme"), None, None))
    assert change.removed <= held
    assert not change.added & held
    assert {q.object.value for q in change.added} == {ID + "theme/palvelut"}
    assert {q.object.value for q in change.removed} == {ID + "theme/alykas-erikoistuminen"}


def test_a_label_changes_in_its_own_language_only(read):
    change = read(
        [["id [Project]", "nimi (sv)"], ["tahtitaajamat", "Stjärntätorter (projekt)"]], graph=None
    ).change

    assert {(q.object.language, q.graph_name.value) for q in (*change.added, *change.removed)} == {
        ("sv", GRAPH + "translations")
    }
    assert len(change.added) == len(change.removed) == 1


def test_translated_names_of_a_source_go_to_the_translations(read):
    row = ["Uusi hanke", "Nytt projekt", "kouvolan-seudun-koko:62"]
    change = read(
        [["nimi (fi)", "nimi (sv)", "lähde"], row], cls="hanke", graph="kouvolan-seudun-koko"
    ).change

    graphs = {
        (q.object.value, q.graph_name.value.removeprefix(GRAPH)) for q in change.added if q.predicate == PREF
    }
    assert graphs == {("Uusi hanke", "kouvolan-seudun-koko"), ("Nytt projekt", "translations")}


def test_a_thing_that_another_graph_describes_gets_its_class_there_too(read):
    change = read([["id [Project]", "alku"], ["kymaes-2", "2020"]], graph="hankkeet-2027").change

    assert {(q.predicate.value.rpartition("#")[2], q.graph_name.value) for q in change.added} == {
        ("type", PLANS),
        ("startedOn", PLANS),
    }
    assert not change.removed


def test_a_thing_of_a_narrower_class_keeps_it_in_another_graph(read):
    rows = [["id [Organisation]", "muu nimi (fi)"], ["kymenlaakson-liitto", "Liitto"]]
    change = read(rows, graph="hankkeet-2027").change

    assert KYM + "PublicOrganisation" in {q.object.value for q in change.added if q.predicate == TYPE}


def test_a_column_may_be_repeated_and_a_dash_beside_a_value_is_refused(read, faults_of):
    head = ["id [Project]", "theme", "koskee teemaa [theme]"]
    change = read([head, ["tahtitaajamat", "palvelut", "yrittäjyys"]])
    assert objects(change, "tahtitaajamat", KYM + "theme") == {"theme/palvelut", "theme/yrittajyys"}

    assert [f.code for f in faults_of([head, ["tahtitaajamat", "-", "yrittäjyys"]])] == ["cell-mixed"]
    assert [f.code for f in faults_of([["id [Project]", "nimi (fi)", "name (fi)"], ["x", "a", "b"]])] == [
        "header-twice"
    ]


def test_two_rows_about_the_same_thing_are_refused(faults_of):
    found = faults_of([["id [Project]", "nimi (fi)"], [None, "Uusi hanke"], ["uusi-hanke", "Toinen"]])

    assert [(f.cell.row, f.code) for f in found] == [(3, "id-twice")]
    assert "rivillä 2" in found[0].message.fi


def test_rows_may_refer_to_rows_that_come_later_and_to_other_sheets(read):
    book = openpyxl.Workbook()
    book.active.title = "hanke"
    for row in (
        ["nimi (fi)", "jatkaa", "tekijänä"],
        ["A-hanke", "B-hanke", "Uusi yhdistys"],
        ["B-hanke", None, None],
    ):
        book.active.append(row)
    other = book.create_sheet("toimijaryhmä")
    for row in (["nimi (fi)"], ["Uusi yhdistys"]):
        other.append(row)

    change = read(saved(book), ".xlsx")

    assert objects(change, "a-hanke", KYM + "continues") == {"project/b-hanke"}
    assert objects(change, "a-hanke", KYM + "carriedOutBy") == {"actor-group/uusi-yhdistys"}


# --- ids ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Kymenlaakson älykäs erikoistuminen", "kymenlaakson-alykas-erikoistuminen"),
        ("Åbo–Örö (2027) & Co.", "abo-oro-2027-co"),
        ("Ærø Straße", "aero-strasse"),
        ("日本", ""),
        ("a" * 300, "a" * 100),
    ],
)
def test_an_id_is_made_of_the_words_of_the_name(name, slug):
    assert slug_of(name) == slug


@given(st.text(max_size=300))
def test_an_id_made_of_any_name_is_a_good_id_or_none(name):
    assert re.fullmatch(r"(?:[a-z0-9]+(?:-[a-z0-9]+)*)?", slug_of(name))
    assert len(slug_of(name)) <= 100


@pytest.mark.parametrize(
    ("id", "code"),
    [
        ("Iso Hanke", "id-form"),
        ("../etc", "id-form"),
        ("https://elsewhere.example/x", "id-outside"),
        ("project:UUSI", "id-form"),
        ("organisation:kymenlaakson-liitto", "id-class"),
        ("organisation:uusi", "id-form"),
        ("x" * 500, "id-form"),
        ("a>b", "id-form"),
    ],
)
def test_an_id_that_cannot_be_is_refused(faults_of, id, code):
    assert [f.code for f in faults_of([["id [Project]", "nimi (fi)"], [id, "Nimi"]])] == [code]


@pytest.mark.parametrize(
    "id",
    [
        "tahtitaajamat", "project:tahtitaajamat", "project/tahtitaajamat", ID + "project/tahtitaajamat",
        f"<{ID}project/tahtitaajamat>",
    ],
)  # fmt: skip
def test_an_id_is_read_in_every_usual_form(read, id):
    change = read([["id [Project]", "alku"], [id, "2010"]], graph=None)
    assert {q.subject.value for q in change.change.added} == {ID + "project/tahtitaajamat"}


def test_a_name_that_another_thing_has_makes_no_second_one(faults_of):
    # The slug of this name is not its id, so without a look a double would be made.
    name = "KymÄES 2.0 – Kymenlaakson älykkään erikoistumisen innovaatioekosysteemin kiihdyttäminen"
    found = faults_of([["id [Project]", "nimi (fi)"], [None, name], [None, "tähtitaajamat"]])

    assert [(f.cell.row, f.code) for f in found] == [(2, "id-same-name"), (3, "id-taken")]
    assert "kymaes-2" in found[0].mend.fi


# --- references -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["kymenlaakson-liitto", "organisation:kymenlaakson-liitto", "organisation/kymenlaakson-liitto",
     ID + "organisation/kymenlaakson-liitto", "Kymenlaakson liitto", "kymenlaakson liitto",
     "Regional Council of Kymenlaakso", "Kymenlaakson  liitto",
     "Joku nimi [organisation:kymenlaakson-liitto]"],
)  # fmt: skip
def test_a_reference_is_read_in_every_usual_form(read, text):
    change = read([["id [Project]", "tekijänä"], ["tahtitaajamat", text]])
    assert objects(change, "tahtitaajamat", KYM + "carriedOutBy") == {"organisation/kymenlaakson-liitto"}


def test_a_name_that_several_have_is_refused_with_the_ids_to_choose_from(faults_of, read):
    rows = [["id [Project]", "aiheena"], ["tahtitaajamat", "Matkailu"]]
    found = faults_of(rows)

    assert [f.code for f in found] == ["link-ambiguous"]
    assert "network:matkailu, sector:matkailu" in found[0].mend.fi
    rows[1][1] = "sector:matkailu"
    assert objects(read(rows), "tahtitaajamat", KYM + "about") == {"sector/matkailu"}


def test_the_class_of_the_field_tells_namesakes_apart(read):
    change = read([["id [Project]", "koskee toimialaa"], ["tahtitaajamat", "Matkailu"]])
    assert objects(change, "tahtitaajamat", KYM + "sector") == {"sector/matkailu"}


def test_a_file_with_many_names_finds_them_like_one_with_few(read, monkeypatch):
    rows = [["id [Project]", "nimi (fi)", "tekijänä", "aiheena"]] + [
        [None, f"Hanke {n}", "Regional Council of Kymenlaakso", "sector:matkailu"] for n in range(30)
    ]
    few = read(rows).change.added
    monkeypatch.setattr("kymgraph.intake.columns.MANY", 5)

    assert read(rows).change.added == few
    rows.append([None, "Tähtitaajamat", None, "Matkailu"])
    with pytest.raises(SheetRefused) as refused:
        read(rows)
    assert [f.code for f in refused.value.faults] == ["link-ambiguous"]


def test_a_reference_of_the_wrong_class_says_which_is_right(faults_of):
    found = faults_of([["id [Project]", "tekijänä"], ["tahtitaajamat", "Kouvola"]])

    assert [f.code for f in found] == ["link-class"]
    assert found[0].message.fi == "Kohde kuuluu luokkaan kunta, mutta sarakkeeseen sopii toimija."


def test_a_name_with_a_semicolon_is_one_name(make_project):
    project, view = small(make_project, f'<{ID}theme/a> a kym:Theme ; skos:prefLabel "Meri; satamat"@fi .\n')
    rows = [["id [Plan]", "nimi (fi)", "theme"], ["p", "Suunnitelma", "Meri; satamat"]]
    change = from_sheet(as_csv(rows), project=project, view=view, graph="g", suffix=".csv")

    assert {q.object.value for q in change.change.added if q.predicate.value == KYM + "theme"} == {
        ID + "theme/a"
    }


def test_a_field_that_takes_anything_takes_an_address_elsewhere_too(read, faults_of):
    rows = [["id [Project]", "aiheena"], ["tahtitaajamat", "https://elsewhere.example/x"]]
    assert objects(read(rows), "tahtitaajamat", KYM + "about") == {"<https://elsewhere.example/x"}

    rows[1][1] = ID + "project/ei-ole"
    assert [f.code for f in faults_of(rows)] == ["link-unknown"]


# --- evidence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "kouvolan-seudun-koko:62-62", "kouvolan-seudun-koko:62", "passage-kouvolan-seudun-koko:62-62",
        ID + "passage/kouvolan-seudun-koko/62-62", "kouvolan-seudun-koko:62–62", "62", 62,
    ],
)  # fmt: skip
def test_a_passage_is_read_in_every_usual_form(read, text):
    change = read(
        [["id [Project]", "lähde"], ["alueiden-valinen-yhteishanke", text]],
        ".xlsx",
        graph="kouvolan-seudun-koko",
    )
    assert objects(change, "alueiden-valinen-yhteishanke", KYM + "restsOn") == {
        "passage/kouvolan-seudun-koko/62-62"
    }


def test_a_passage_that_is_not_there_is_a_fault_that_names_the_nearest(faults_of):
    found = faults_of([["id [Project]", "lähde"], ["tahtitaajamat", "kouvolan-seudun-koko:61-61"]])

    assert [f.code for f in found] == ["passage-missing"]
    assert "pyydä ylläpitäjää" in found[0].mend.fi
    assert "kouvolan-seudun-koko:60-60" in found[0].mend.fi


def test_with_the_sources_at_hand_a_passage_is_made_as_evidence_makes_it(read, view):
    lines = {n: f"rivi {n}" for n in range(1, 100)}

    def text_of(document: str, first: int, last: int) -> str | None:
        return "\n".join(lines[n] for n in range(first, last + 1)) if last in lines else None

    change = read(
        [["id [Project]", "lähde"], ["tahtitaajamat", "kouvolan-seudun-koko:61-63"]], lines=text_of
    ).change
    made = {q for q in change.added if q.subject == NamedNode(ID + "passage/kouvolan-seudun-koko/61-63")}

    assert {q.graph_name.value for q in made} == {GRAPH + "kouvolan-seudun-koko"}
    like = NamedNode(ID + "passage/kouvolan-seudun-koko/62-62")
    needed = {q.predicate for q in view.quads(like, None, None, None)} - {NamedNode(KYM + "phrase")}
    assert {q.predicate for q in made} == needed


@pytest.mark.parametrize(
    ("text", "code"),
    [("sivu 5", "passage-form"), ("62", "passage-form"), ("tuntematon:1-2", "passage-document"),
     ("kouvolan-seudun-koko:9-5", "passage-lines"), ("kouvolan-seudun-koko:200-201", "passage-lines"),
     ("kouvolan-seudun-koko:10-15", "passage-lines"), ("kouvolan-seudun-koko:0-1", "passage-lines")],
)  # fmt: skip
def test_a_passage_that_cannot_be_is_refused(faults_of, text, code):
    found = faults_of(
        [["id [Project]", "lähde"], ["tahtitaajamat", text]],
        lines=lambda document, first, last: "\n".join(["x"] * (last - first + 1)) if last < 150 else None,
    )
    assert [f.code for f in found] == [code]


# --- graphs ---------------------------------------------------------------------------------------------


def test_new_rows_without_a_graph_are_refused_once(faults_of):
    found = faults_of([["id [Project]", "nimi (fi)"], ["a", "A"], ["b", "B"]], graph=None)
    assert [f.code for f in found] == ["graph-missing"]


def test_the_column_graph_comes_before_the_option(read, faults_of):
    head = ["id [Project]", "nimi (fi)", "graafi"]
    change = read([head, ["a", "A", "omat"], ["b", "B", None]]).change
    assert {q.graph_name.value for q in change.added} == {GRAPH + "omat", PLANS}

    assert [f.code for f in faults_of([head, ["a", "A", "ledger"], ["b", "B", "ei kelpaa"]])] == [
        "graph-not-writable",
        "graph-name",
    ]


def test_a_graph_that_is_made_by_other_means_is_not_written_to(read):
    for name in ("ontology", "shapes", "ledger"):
        with pytest.raises(GraphNotWritable):
            read([["id [Project]", "nimi (fi)"], ["a", "A"]], graph=name)


def test_a_status_of_the_ontology_is_not_changed_by_a_sheet(faults_of):
    found = faults_of([["id [Status]", "nimi (fi)"], ["planned", "aiottu"]], graph=None)
    assert [f.code for f in found] == ["graph-not-writable"]


# --- headers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        "alku", "Alku *", "alku [startedOn]", "början [startedOn]", "startedOn", "kym:startedOn",
        "start", "ALKU", "alkoi", KYM + "startedOn", "ihan muuta [startedOn]",
    ],
)  # fmt: skip
def test_a_header_is_read_in_every_language_and_by_its_short_name(read, header):
    change = read([["id [Project]", header], ["tahtitaajamat", "2010"]])
    assert objects(change, "tahtitaajamat", KYM + "startedOn") == {'"2010"^gYear'}


def test_every_header_of_every_template_means_its_own_column(model):
    for iri in model.classes:
        layout = model.layout(iri)
        for column in layout.columns[1:]:
            for lang in ("fi", "sv", "en"):
                header = column.header(lang)
                assert layout.find(header) == column
                assert layout.find(header.partition(" [")[0]) == column, (layout.short, header)


@pytest.mark.parametrize(
    "header", ["nimi (sv)", "namn (sv)", "name (sv)", "prefLabel@sv", "skos:prefLabel@sv"]
)
def test_a_name_column_says_its_language(read, header):
    change = read([["id [Project]", header], ["tahtitaajamat", "Stjärnor"]])
    assert objects(change, "tahtitaajamat", SKOS + "prefLabel") == {'"Stjärnor"@sv'}


def test_headers_that_mean_nothing_here_are_refused_with_what_is_near(faults_of):
    found = faults_of([["id [Project]", "allku", "y-tunnus", None], ["tahtitaajamat", "1", "2", "3"]])

    assert [(f.cell.column, f.code) for f in found] == [
        ("B", "header-unknown"),
        ("C", "header-unknown"),
        ("D", "header-empty"),
    ]
    assert found[0].mend.fi.endswith("Tarkoititko: alku [startedOn]?")


def test_a_short_name_in_brackets_decides_and_is_not_guessed_around(faults_of):
    found = faults_of([["id [Project]", "alku [endedOnn]"], ["tahtitaajamat", "2010"]])
    assert [f.code for f in found] == ["header-unknown"]


def test_a_sheet_says_its_class_in_a1_or_by_its_name_or_is_told(read, faults_of):
    for rows, options in (
        ([["id [Project]", "alku"], ["tahtitaajamat", "2010"]], {"name": "mitä vain.csv"}),
        ([["tunnus [hanke]", "alku"], ["tahtitaajamat", "2010"]], {"name": "x.csv"}),
        ([["id", "alku"], ["tahtitaajamat", "2010"]], {"name": "hanke.csv"}),
        ([["id", "alku"], ["tahtitaajamat", "2010"]], {"name": "x.csv", "cls": "Project"}),
        ([["id", "alku"], ["tahtitaajamat", "2010"]], {"name": "Project.csv.gz"}),
    ):
        assert objects(read(rows, **options), "tahtitaajamat", KYM + "startedOn")

    assert [f.code for f in faults_of([["id", "alku"], ["x", "1"]], name="x.csv")] == ["sheet-class"]
    found = faults_of([["id [Hankke]", "alku"], ["x", "1"]])
    assert [f.code for f in found] == ["sheet-class-unknown"]
    assert found[0].mend.fi.endswith("Tarkoititko: kym:Project?")


def test_a_sheet_of_notes_and_hidden_sheets_are_skipped(read):
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx([["id [Project]", "alku"], ["tahtitaajamat", "2010"]])))
    book.create_sheet("muistio").append(["# omia muistiinpanoja"])
    book.create_sheet("tyhjä")
    secret = book.create_sheet("piilo")
    secret.append(["ei taulukko"])
    secret.sheet_state = "veryHidden"

    assert len(read(saved(book), ".xlsx").change.added) == 2


# --- cells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [("1 250 000,50", "1250000.50"), ("1\u00a0250", "1250"), ("1\u202f250,5", "1250.5"), ("−7,25", "-7.25"),
     ("0", "0"), ("12,50 €", "12.50"), ("1250 euroa", "1250"), ("+5", "5"), (" 8 ", "8")],
)  # fmt: skip
def test_an_amount_is_read_as_finns_write_it(text, value):
    assert parse_euros(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [("1.250", "number-point"), ("1.5", "number-point"), ("1.250.000", "number-point"),
     ("12 50", "number-groups"), ("1,2,3", "not-a-number"), ("1e9", "not-a-number"), ("", "not-a-number"),
     ("5 %", "not-a-number"), ("1,234", "number-cents"), ("9" * 40, "not-a-number"), ("٣", "not-a-number"),
     ("Infinity", "not-a-number"),
     ("1 250,", "not-a-number"), (",5", "not-a-number")],
)  # fmt: skip
def test_an_amount_that_can_be_read_two_ways_is_refused(text, code):
    with pytest.raises(CellError) as refused:
        parse_euros(text)
    assert refused.value.code == code


def test_a_lone_point_is_shown_in_both_readings():
    with pytest.raises(CellError) as refused:
        parse_euros("1.250")
    assert refused.value.mend.fi == "Kirjoita 1,250 tai 1 250."


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_any_amount_survives_finnish_writing(amount):
    written = f"{amount:,.2f}".replace(",", "\u00a0").replace(".", ",")
    assert parse_euros(written) == amount
    assert parse_number(written) == amount


DAYS = (YEAR, MONTH, DATE)


@pytest.mark.parametrize(
    ("text", "allowed", "value", "datatype"),
    [
        ("1.2.2022", DAYS, "2022-02-01", DATE),
        ("2022-02-01", DAYS, "2022-02-01", DATE),
        ("2/2022", DAYS, "2022-02", MONTH),
        ("02.2022", DAYS, "2022-02", MONTH),
        ("2022-02", DAYS, "2022-02", MONTH),
        ("2022", DAYS, "2022", YEAR),
        ("20.5.2016 klo 16.00", (DATE_TIME,), "2016-05-20T16:00:00", DATE_TIME),
        ("2016-05-20T16:00", (DATE_TIME,), "2016-05-20T16:00:00", DATE_TIME),
        ("25.4.", (*DAYS, MONTH_DAY), "--04-25", MONTH_DAY),
        ("--04-25", (*DAYS, MONTH_DAY), "--04-25", MONTH_DAY),
        ("syksy 2020", (*DAYS, EDTF), "2020-23", EDTF),
        ("hösten 2020", (*DAYS, EDTF), "2020-23", EDTF),
        ("talvella 2021", (*DAYS, EDTF), "2021-24", EDTF),
        ("2020-23", (*DAYS, EDTF), "2020-23", EDTF),
        ("2020-11", (*DAYS, EDTF), "2020-11", MONTH),
    ],
)
def test_a_time_keeps_the_precision_that_was_written(text, allowed, value, datatype):
    literal = parse_time(text, allowed)
    assert (literal.value, literal.datatype.value) == (value, datatype)


@pytest.mark.parametrize(
    ("text", "allowed", "code"),
    [("31.2.2022", DAYS, "date-impossible"), ("13/2022", DAYS, "date-impossible"),
     ("2022-00", DAYS, "date-impossible"), ("0022", DAYS, "date-impossible"), ("1.2.22", DAYS, "not-a-date"),
     ("02/01/2022", DAYS, "date-order"),
     ("1.2.2022", (YEAR,), "date-precision"), ("2022", (DATE_TIME,), "date-precision"),
     ("2022-02-01Z", DAYS, "date-zone"), ("2022-02-01T10:00+02:00", (DATE_TIME,), "date-zone"),
     ("1.2.2022 klo 25.00", (DATE_TIME,), "date-impossible"), ("ensi vuonna", DAYS, "not-a-date"),
     ("syksy 2020", DAYS, "not-a-date"), ("2022-13", (*DAYS, EDTF), "date-impossible"),
     ("٢٠٢٢", DAYS, "not-a-date"),
     ("44562", DAYS, "not-a-date")],
)  # fmt: skip
def test_a_time_that_cannot_be_or_is_not_allowed_is_refused(text, allowed, code):
    with pytest.raises(CellError) as refused:
        parse_time(text, allowed)
    assert refused.value.code == code


def test_truth_is_read_in_three_languages():
    assert [parse_boolean(word) for word in ("kyllä", "Ja", "yes", "TRUE", "ei", "nej", "No")] == [
        True
    ] * 4 + [False] * 3
    with pytest.raises(CellError):
        parse_boolean("ehkä")


def test_date_cells_of_a_workbook_keep_the_precision_they_show(read):
    day = datetime.datetime(2022, 2, 1)
    data = as_xlsx(
        [
            ["id [Project]", "alku"],
            ["a-1", day],
            ["a-2", day],
            ["a-3", day],
            ["a-4", 2022],
            ["a-5", 44593],
            ["a-6", "2/2022"],
        ],
        formats={"B2": "d.m.yyyy", "B3": "mmm-yy", "B4": "yyyy"},
    )
    rows = openpyxl.load_workbook(io.BytesIO(data))
    rows.active["C1"] = "nimi (fi)"
    for row in range(2, 8):
        rows.active[f"C{row}"] = f"Hanke {row}"

    change = read(saved(rows), ".xlsx")

    assert [objects(change, f"a-{n}", KYM + "startedOn") for n in range(1, 7)] == [
        {'"2022-02-01"^date'},
        {'"2022-02"^gYearMonth'},
        {'"2022"^gYear'},
        {'"2022"^gYear'},
        {'"2022-02-01"^date'},
        {'"2022-02"^gYearMonth'},
    ]


def test_days_of_a_workbook_that_counts_from_1904_are_the_right_days(read):
    book = openpyxl.load_workbook(io.BytesIO(as_xlsx([["id [Project]", "alku"], ["tahtitaajamat"]])))
    book.epoch = datetime.datetime(1904, 1, 1)
    book.active["B2"] = datetime.date(2022, 2, 3)

    change = read(saved(book), ".xlsx")

    assert objects(change, "tahtitaajamat", KYM + "startedOn") == {'"2022-02-03"^date'}


def test_figures_take_numbers_as_typed_and_as_numbers(read):
    head = ["id [Figure]", "nimi (fi)", "arvo", "yksikkö", "painettu muoto (fi)"]
    rows = [head, ["a", "A", "2 000", "työpaikka", "2 000"], ["b", "B", 12.5, "työpaikka", "12,5"]]
    change = read(rows, ".xlsx").change

    values = {
        q.subject.value.rpartition("/")[2]: q.object
        for q in change.added
        if q.predicate.value == KYM + "value"
    }
    assert values["a"] == Literal("2000", datatype=NamedNode(XSD + "integer"))
    assert values["b"] == Literal("12.5", datatype=NamedNode(XSD + "decimal"))


def test_a_required_field_of_a_new_thing_is_asked_for_by_what_its_shape_says(faults_of):
    found = faults_of([["id [Figure]", "nimi (fi)", "arvo"], ["a", "A", "1"]])

    assert [(f.cell.row, f.cell.column, f.code) for f in found] == [(2, "", "required"), (2, "", "required")]
    assert any(f.mend.fi == "Luvulta puuttuu yksikkö: lisää kym:unit." for f in found)


def test_a_required_column_that_is_not_there_is_asked_for(faults_of):
    [fault] = faults_of([["id [Project]", "alku"], ["", "2027"]])

    assert fault.cell.text("fi") == "hankkeet, rivi 2"
    assert fault.mend.fi == "Lisää taulukkoon sarake ”nimi (fi) * [prefLabel@fi]” ja täytä se."


def test_an_unknown_name_that_nothing_resembles_may_be_of_something_new(faults_of):
    row = [["id [Project]", "nimi (fi)", "tekijänä", "aiheena"], ["", "A", "Zyx", "Zyx"]]

    made_by, about = faults_of(row)

    assert made_by.text("fi").splitlines()[1].strip() == (
        "Kohdetta ei löydy (luokka: toimija). Tarkista kirjoitusasu tai käytä tunnusta. "
        "Jos kohde on uusi, lisää se ensin oman luokkansa taulukkoon."
    )
    assert about.message.sv == "Objektet hittas inte."


def test_formulas_give_their_saved_result_and_no_other(read, faults_of):
    data = as_xlsx([["id [Project]", "kuvaus (fi)"], ["tahtitaajamat", "=A2"]])
    assert [(f.cell.column, f.code) for f in faults_of(data, ".xlsx")] == [("B", "cell-formula")]

    sheet = part(data, "xl/worksheets/sheet1.xml")
    computed = re.sub(rb"<f>A2</f><v ?/?>(</v>)?", b"<f>A2</f><v>tulos</v>", sheet).replace(
        b'<c r="B2"', b'<c r="B2" t="str"'
    )
    change = read(repacked(data, {"xl/worksheets/sheet1.xml": computed}), ".xlsx")
    assert objects(change, "tahtitaajamat", DCTERMS + "description") == {'"tulos"@fi'}


def test_error_cells_times_and_merged_cells_are_faults(faults_of):
    book = openpyxl.load_workbook(
        io.BytesIO(as_xlsx([["id [Project]", "kuvaus (fi)", "alku"], ["tahtitaajamat"]]))
    )
    book.active["B2"] = "#REF!"
    book.active["C2"] = datetime.time(12, 30)
    book.active.merge_cells("A5:B6")

    found = faults_of(saved(book), ".xlsx")

    assert [(f.cell.row, f.cell.column, f.code) for f in found] == [
        (2, "B", "cell-error"),
        (2, "C", "cell-time"),
        (5, "A", "sheet-merged"),
    ]


@pytest.mark.parametrize("text", ["a\x07b", "a\x1b[2J", "rikki\ufffd", "KymÃ¤enlaakso", "\uffff"])
def test_characters_that_cannot_be_kept_are_refused(faults_of, text):
    rows = [["id [Project]", "kuvaus (fi)"], ["tahtitaajamat", text]]
    assert [f.code for f in faults_of(rows)] == ["cell-characters"]


def test_a_thousand_faults_are_listed_and_the_rest_counted(read):
    rows = [["id [Project]", "alku"]] + [["tahtitaajamat", "x"]] * 1500
    with pytest.raises(SheetRefused) as refused:
        read(rows)

    assert len(refused.value.faults) == 1000
    assert "Virheitä: 2999." in refused.value.message
    assert refused.value.message.endswith(
        "… ja 2979 muuta virhettä."
    )  # 1,500 dates, and 1,499 rows about the same thing


def test_every_message_is_in_three_languages_and_says_what_to_do():
    for code, pair in MESSAGES.items():
        for text in pair:
            assert len({*text}) == 3 or "{advice}" in text.fi, code
            assert all(part.endswith((".", "}")) for part in text), code
            fields = [set(re.findall(r"\{(\w+)\}", part)) for part in text]
            assert fields[0] == fields[1] == fields[2], code


# --- other ontologies -----------------------------------------------------------------------------------


def small(make_project: MakeProject, data: str = "") -> tuple[Project, MemoryView]:
    """A project with a little of our ontology, and these data."""
    prefixes = "".join(
        f"@prefix {name}: <{iri}> .\n"
        for name, iri in Project(Path()).prefixes.items()
        if name not in ("rdfs",)
    )
    ontology = """
      kym:Plan a owl:Class ; rdfs:label "suunnitelma"@fi, "plan"@sv, "plan"@en .
      kym:Theme a owl:Class ; rdfs:label "teema"@fi, "tema"@sv, "theme"@en .
      kym:theme a owl:ObjectProperty ; rdfs:domain kym:Plan ; rdfs:range kym:Theme ; rdfs:label "teema"@fi .
    """
    made = make_project({"ontology/o.ttl": prefixes + ontology, "data/d.ttl": prefixes + data})
    return made, MemoryView(skolemise(files.read(made).quads(), made.base), in_union=made.in_union)


def test_another_project_with_its_own_terms_gets_its_own_columns(make_project):
    made = make_project(
        {
            "ontology/o.ttl": """
                @prefix owl: <http://www.w3.org/2002/07/owl#> .
                @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
                x:Boat a owl:Class ;
                  rdfs:label "vene"@fi , "båt"@sv , "boat"@en .
                x:Ferry a owl:Class ; rdfs:subClassOf x:Boat ;
                  rdfs:label "lautta"@fi , "färja"@sv , "ferry"@en .
                x:length a owl:DatatypeProperty ; rdfs:domain x:Boat ; rdfs:range xsd:decimal ;
                  rdfs:label "pituus"@fi .
                x:built a owl:DatatypeProperty ; rdfs:domain x:Boat ; rdfs:range xsd:gYear ;
                  rdfs:label "rakennettu"@fi .
                x:tows a owl:ObjectProperty ; rdfs:domain x:Ferry ; rdfs:range x:Boat ;
                  rdfs:label "hinaa"@fi .
                x:wooden a owl:DatatypeProperty ; rdfs:domain x:Boat ; rdfs:range xsd:boolean ;
                  rdfs:label "puuta"@fi .
            """,
            "shapes/s.ttl": """
                @prefix sh: <http://www.w3.org/ns/shacl#> .
                x:BoatShape a sh:NodeShape ; sh:targetClass x:Boat ;
                  sh:property [ sh:path x:length ; sh:minCount 1 ] .
            """,
            "data/boats.ttl": """
                <https://veneet.example/id/vene/aalto> a x:Boat ; rdfs:label "Aalto" ; x:length 7.5 .
            """,
        },
        toml='base_iri = "https://veneet.example/"\n[prefixes]\nx = "http://x.example/"\n',
    )
    view = MemoryView(skolemise(files.read(made).quads(), made.base), in_union=made.in_union)
    model = Model(view, made)
    layout = model.layout(model.find_class("lautta"))

    assert [c.short for c in layout.columns if c.kind not in ("text", "id", "graph")] == [
        "length", "tows", "wooden", "built"
    ]  # fmt: skip
    rows = [
        [layout.id_header, "nimi (fi)", "pituus", "hinaa", "puuta", "rakennettu", "graafi"],
        [None, "Iso lautta", "12,5", "Aalto", "kyllä", "1999", "uudet"],
    ]
    change = from_sheet(as_csv(rows), project=made, view=view, suffix=".csv").change
    ferry = "<https://veneet.example/id/vene/iso-lautta>"  # boats lie in the folder "vene"
    expected = f"""{ferry} a x:Ferry ; skos:prefLabel "Iso lautta"@fi ; x:length 12.5 ; x:wooden true ;
        x:built "1999"^^xsd:gYear ; x:tows <https://veneet.example/id/vene/aalto> ."""
    prefixes = "".join(f"@prefix {p}: <{iri}> .\n" for p, iri in made.prefixes.items())
    graph = NamedNode("https://veneet.example/graph/uudet")
    assert change.added == set(parse((prefixes + expected).encode(), FORMATS["ttl"], graph=graph))


# --- hostile and broken files ---------------------------------------------------------------------------

GOOD = [["id [Project]", "alku"], ["tahtitaajamat", "2010"]]


@pytest.mark.parametrize(
    ("data", "suffix", "code"),
    [
        (b"", ".csv", "file-empty"),
        (b"\xef\xbb\xbf \r\n", ".csv", "file-empty"),
        (b"", ".xlsx", "file-empty"),
        (as_csv(GOOD), ".xlsx", "file-suffix"),
        (as_xlsx(GOOD), ".csv", "file-suffix"),
        (as_xlsx(GOOD), ".xlsm", "file-macros"),
        (as_csv(GOOD), ".ods", "file-kind"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, ".xlsx", "file-kind"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            ".xlsx",
            "file-encrypted",
        ),
        (as_xlsx(GOOD)[:-500], ".xlsx", "file-broken"),
        (b"PK\x03\x04" + bytes(range(256)) * 9, ".xlsx", "file-broken"),
        (b"%PDF-1.7 ...", ".csv", "file-kind"),
        (b"<!DOCTYPE html><html></html>", ".csv", "file-kind"),
        (b"\x01\x02\x00\xff" * 50, ".csv", "file-kind"),
        (b"\x1f\x8b\x08 broken", ".csv.gz", "file-broken"),
    ],
)
def test_a_file_that_is_no_spreadsheet_is_refused_with_what_to_do(faults_of, data, suffix, code):
    assert [f.code for f in faults_of(data, suffix)] == [code]


def test_a_packed_csv_is_read_and_a_bomb_is_not(read):
    import gzip

    assert read(gzip.compress(as_csv(GOOD)), ".csv.gz").change.added
    with pytest.raises(UnsafePayload):
        read(gzip.compress(b"x;" * 60_000_000, 1), ".csv.gz")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_csv_is_read_in_every_usual_encoding(read, encoding):
    text = "id [Project];kuvaus (fi)\r\ntahtitaajamat;Åbo – ”älykäs” työ\r\n"
    change = read(text.encode(encoding))
    assert objects(change, "tahtitaajamat", DCTERMS + "description") == {'"Åbo – ”älykäs” työ"@fi'}


@pytest.mark.parametrize(
    "data",
    ["tyÖ ja äiti".encode("mac_roman"), "työ ja äiti".encode("cp850"), "työ".encode("mac_roman"),
     b"a\xed\xa0\x80b", b"\xff\xfea\x00\x00\xd8b\x00", b"\x81\x8d", "привет".encode("cp1251")],
)  # fmt: skip
def test_an_encoding_that_cannot_be_told_is_refused(faults_of, data):
    head = b"id [Project];kuvaus (fi)\ntahtitaajamat;"
    if data.startswith(b"\xff\xfe"):
        head, data = b"\xff\xfe" + head.decode().encode("utf-16-le"), data[2:]
    assert [f.code for f in faults_of(head + data)] == ["file-encoding"]


def test_the_delimiter_is_found_and_may_be_declared(read):
    for text in (
        'id [Project],kuvaus (fi)\ntahtitaajamat,"a, b; c"',
        'id [Project]\tkuvaus (fi)\ntahtitaajamat\t"a, b; c"',
        "sep=|\nid [Project]|kuvaus (fi)\ntahtitaajamat|a, b; c",
        '\n\nid [Project];kuvaus (fi)\ntahtitaajamat;"a, b; c"',
    ):
        change = read(text.encode())
        assert objects(change, "tahtitaajamat", DCTERMS + "description") == {'"a, b; c"@fi'}


BOMB = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "name",
    [
        "xl/worksheets/sheet1.xml",
        "xl/workbook.xml",
        "[Content_Types].xml",
        "docProps/core.xml",
        "xl/styles.xml",
    ],
)
def test_a_dtd_in_any_part_of_a_workbook_is_refused_before_it_is_parsed(read, name):
    data = as_xlsx(GOOD)
    for encoding in ("utf-8", "utf-16", "cp037"):
        text = part(data, name).decode()
        body = re.sub(r"^<\?xml[^>]*\?>", "", text).lstrip()
        evil = f'<?xml version="1.0" encoding="{encoding}"?>'.encode()
        evil = (
            (f'<?xml version="1.0" encoding="utf-16"?>{BOMB.decode()}{body}').encode("utf-16")
            if encoding == "utf-16"
            else evil + (BOMB.decode() + body).encode(encoding)
        )
        # Where the parser does not know the encoding, nobody can parse the part.
        refusal = "unknown encoding" if encoding == "cp037" else "DTD"
        with pytest.raises((UnsafePayload, SheetRefused), match=refusal):
            read(repacked(data, {name: evil}), ".xlsx")


def test_a_zip_bomb_is_refused_by_its_measure(read):
    data = as_xlsx(GOOD)
    for change in (
        {"xl/media/image1.png": b"\0" * 30_000_000},
        {"xl/sharedStrings.xml": b"<sst>" + b"<si/>" * 6_000_000 + b"</sst>"},
        {f"xl/x{n}.xml": b"<a/>" for n in range(3000)},
        {"xl/theme/theme1.xml": b"<a>" * 5000 + b"</a>" * 5000},
    ):
        with pytest.raises(UnsafePayload):
            read(repacked(data, change), ".xlsx")


def test_a_part_that_is_not_what_it_declares_is_refused(read):
    data = bytearray(as_xlsx(GOOD))
    # The central directory says that a part is a few bytes long, the part itself goes on.
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        real = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    place = data.rindex(b"xl/worksheets/sheet1.xml") - 46 + 24
    assert int.from_bytes(data[place : place + 4], "little") == real
    data[place : place + 4] = (40).to_bytes(4, "little")
    with pytest.raises(SheetRefused) as refused:
        read(bytes(data), ".xlsx")
    assert [f.code for f in refused.value.faults] == ["file-broken"]


def test_macros_are_refused(faults_of):
    data = repacked(as_xlsx(GOOD), {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0"})
    assert [f.code for f in faults_of(data, ".xlsx")] == ["file-macros"]


def test_a_broken_workbook_never_shows_its_insides(faults_of):
    data = as_xlsx(GOOD)
    for name in ("xl/workbook.xml", "[Content_Types].xml", "xl/worksheets/sheet1.xml", "xl/styles.xml"):
        for content in (
            None,
            b"<a/>",
            b"not xml",
            b"<worksheet><sheetData><row r='x'><c r='?'><v>1</v></c></row></sheetData></worksheet>",
        ):
            try:
                codes = [f.code for f in faults_of(repacked(data, {name: content}), ".xlsx")]
            except pytest.fail.Exception:
                continue  # openpyxl makes do without it
            assert codes in (["file-broken"], ["file-kind"], ["sheet-class"]), (name, content)


def test_lone_surrogates_in_a_workbook_are_refused(faults_of):
    data = as_xlsx([["id [Project]", "kuvaus (fi)"], ["tahtitaajamat", "MARK"]])
    sheet = part(data, "xl/worksheets/sheet1.xml").replace(b"MARK", b"&#xD800;")
    found = faults_of(repacked(data, {"xl/worksheets/sheet1.xml": sheet}), ".xlsx")
    assert [f.code for f in found] == ["file-broken"]


def test_a_workbook_with_shared_texts_is_read_as_excel_writes_it(read):
    data = as_xlsx([["id [Project]", "kuvaus (fi)"], ["tahtitaajamat", "jaettu teksti"]])
    texts: list[str] = []

    def share(match: re.Match[bytes]) -> bytes:
        texts.append(match[2].decode())
        return b'<c r="%s" t="s"><v>%d</v></c>' % (match[1], len(texts) - 1)

    sheet = re.sub(
        rb'<c r="([A-Z]+[0-9]+)" t="inlineStr"><is><t>([^<]*)</t></is></c>',
        share,
        part(data, "xl/worksheets/sheet1.xml"),
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    strings = f'<sst xmlns="{main}">' + "".join(f"<si><t>{text}</t></si>" for text in texts) + "</sst>"
    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{content_type}"/></Types>'
    types = part(data, "[Content_Types].xml").replace(b"</Types>", override.encode())
    change = read(
        repacked(
            data,
            {
                "xl/worksheets/sheet1.xml": sheet,
                "xl/sharedStrings.xml": strings.encode(),
                "[Content_Types].xml": types,
            },
        ),
        ".xlsx",
    )

    assert len(texts) == 4
    assert objects(change, "tahtitaajamat", DCTERMS + "description") == {'"jaettu teksti"@fi'}


def test_a_row_number_far_down_and_a_column_far_right_cost_nothing(read):
    sheet = part(as_xlsx(GOOD), "xl/worksheets/sheet1.xml")
    far = sheet.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="0"/></row></sheetData>')
    assert len(read(repacked(as_xlsx(GOOD), {"xl/worksheets/sheet1.xml": far}), ".xlsx").change.added) == 2


MILLION = """
import io, random, resource, sys, time, zipfile
sys.path.insert(0, {root!r})
from kymgraph.intake import tables
from kymgraph.intake.apart import from_sheet_apart
from kymgraph.intake.faults import CellError
{make}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
try:
    tables.read(data, {suffix!r}, "x")
except CellError as error:
    print(error.code, error.message.fi, time.perf_counter() - start,
          (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
MAKE_XLSX = """
random.seed(1)
cell = '<row r="{0}"><c r="A{0}" t="inlineStr"><is><t>{1}</t></is></c></row>'
rows = "".join(cell.format(n, random.random()) for n in range(1, 1_000_001))
main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
sheet = f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'
out = io.BytesIO()
with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    archive.writestr("[Content_Types].xml", "<Types/>")
    archive.writestr("xl/worksheets/sheet1.xml", sheet)
data = out.getvalue()
del rows, sheet
"""
MAKE_CSV = 'data = b"id;alku\\n" + b"tahtitaajamat;2010\\n" * 1_000_000'


@pytest.mark.parametrize(("suffix", "make"), [(".xlsx", MAKE_XLSX), (".csv", MAKE_CSV)])
def test_a_million_rows_are_refused_in_bounded_time_and_memory(suffix, make):
    code = MILLION.format(root=str(ROOT), suffix=suffix, make=textwrap.dedent(make))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )

    name, *words, seconds, megabytes = done.stdout.split()
    assert name == "file-too-large"
    assert " ".join(words) == "Tiedosto on liian suuri: siinä on yli 100 000 riviä."
    assert float(seconds) < 20
    assert float(megabytes) < 300


@given(st.binary(max_size=400), st.sampled_from([".csv", ".xlsx", ".csv.gz", ".tsv"]))
def test_any_bytes_are_rows_or_a_refusal(data, suffix):
    try:
        found = tables.read(data, suffix, "x")
    except (CellError, UnsafePayload):
        return
    assert all(row.cells for table in found for row in table.rows)


def test_a_file_is_measured_before_it_is_read(tmp_path, project, view):
    large = tmp_path / "suuri.csv"
    with large.open("wb") as file:
        file.truncate(50_000_000_000)  # takes no room on the disk

    with pytest.raises(SheetRefused) as refused:
        from_sheet(large, project=project, view=view)
    assert [f.code for f in refused.value.faults] == ["file-too-large"]


def test_a_file_that_is_not_there_is_refused(tmp_path, project, view):
    with pytest.raises(InputError, match="could not be read"):
        from_sheet(tmp_path / "ei.csv", project=project, view=view)


def test_bytes_without_a_format_are_refused(project, view):
    with pytest.raises(InputError):
        from_sheet(b"id\n", project=project, view=view)


# --- in a process of its own ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def apart(shipped):
    """apart(rows or bytes): the change as the process for strangers' files makes it."""
    path = shipped.store.checkpoint_path()

    def run(rows: Sequence[Sequence[object]] | bytes, suffix: str = ".csv", **options: object) -> SheetChange:
        data = rows if isinstance(rows, bytes) else as_csv(rows) if suffix == ".csv" else as_xlsx(rows)
        given = {"graph": "hankkeet-2027", "name": "hankkeet" + suffix} | options
        return from_sheet_apart(
            data, project=shipped.project, checkpoint=path, generation=int(path.name), suffix=suffix, **given
        )

    return run


def test_a_process_of_its_own_gives_the_same_change(apart, read):
    made, here = apart(twenty(), ".xlsx"), read(twenty(), ".xlsx")

    assert (made.change.added, made.change.removed) == (here.change.added, here.change.removed)
    assert made.change.base == 1
    assert made.fields == here.fields
    assert made.file == here.file


def test_a_process_of_its_own_raises_the_same_errors(apart, faults_of):
    rows = twenty()
    rows[3][1] = None
    with pytest.raises(SheetRefused) as refused:
        apart(rows)
    assert list(refused.value.faults) == faults_of(rows)
    with pytest.raises(GraphNotWritable):
        apart(twenty(), graph="ontology")
    with pytest.raises(UnsafePayload, match="unpacks"):
        apart(repacked(as_xlsx(GOOD), {"xl/media/image1.png": b"\0" * 30_000_000}), ".xlsx")


def test_a_file_that_takes_too_long_or_too_much_is_given_up(apart):
    many = b"id [Project];nimi (fi)\n" + b"".join(b";Hanke %d\n" % n for n in range(60_000))
    for options in ({"deadline": 3.0}, {"memory_mb": 200}):
        with pytest.raises(SheetRefused) as refused:
            apart(many, **options)
        assert [f.code for f in refused.value.faults] == ["file-too-slow"]
