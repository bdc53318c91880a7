"""The official shapes from the user's folder; and shapes and data that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymgraph.errors import GateTimeout, InputError, KymgraphError
from kymgraph.gate import foreign
from kymgraph.quality import printing, shapes
from kymgraph.quality.found import Found
from kymgraph.rdf import FORMATS, NamedNode, Quad, parse
from kymgraph.report import Report
from tests.localserver import Server

from .conftest import CheckText, at

HERE = Path(__file__).parent
EU = "http://publications.europa.eu/resource/authority/"
SHAPES = """
    @prefix sh: <http://www.w3.org/ns/shacl#> . @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
    @prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
    @prefix : <urn:shapes:> .
"""

BROKEN = """:broken a sh:NodeShape ; sh:targetClass dcat:Distribution ;
    sh:property [ sh:path dct:title ; sh:pattern "(" ] ."""


def turtle(text: str) -> list[Quad]:
    return parse((SHAPES + text).encode(), FORMATS["ttl"])


# --- the official ones --------------------------------------------------------------------------------------


def test_a_whole_catalogue_conforms_to_the_official_shapes(
    shared: Path, whole: str, check_text: CheckText
) -> None:
    check = check_text(whole, folder=shared / "dcat-ap")

    assert (check.points, check.possible, check.ok) == (405, 405, True)
    assert check.judged is not None
    assert (check.judged.version, len(check.judged.reports), check.violations) == ("3.0.1", 6, 0)
    assert "Predicted: 405 of 405, Excellent." in printing.to_text(check, "en")
    # What cannot be avoided outside the EU's own bodies is a warning: its publisher is in no EU table.
    warned = {(file, result.path_text) for file, result in check.judged.results(violations=False)}
    assert ("html-shacl/mdr-vocabularies.shape.ttl", "dcterms:publisher") in warned


def test_what_the_official_shapes_refuse_costs_its_dataset_those_points_alone(
    shared: Path, files: Server, whole: str, check_text: CheckText
) -> None:
    """One dataset without a description, one as avoindata.fi writes it, one whole; a series and a service."""
    text = (
        whole
        + at(files, (HERE / "as-avoindata.ttl").read_text("utf-8"))
        + """
        <http://x.example/dataset/b> a dcat:Dataset ; dct:title "B"@fi .
        <http://x.example/dataset/a> dcat:inSeries <http://x.example/series> .
        <http://x.example/series> a dcat:DatasetSeries ; dct:title "Sarja"@fi .
        <http://x.example/service> a dcat:DataService ; dct:title "Palvelu"@fi ;
            dcat:endpointURL <http://x.example/sparql> ; dcat:servesDataset <http://x.example/dataset/a> .
    """
    )

    check = check_text(text, folder=shared / "dcat-ap")

    states = {score.dataset.value.rpartition("/")[2]: score.states["dcat-ap"] for score in check.scores}
    assert states == {"a": True, "b": False, "0c7f9f3e": False}
    assert check.judged is not None
    violated = {
        (str(getattr(result.focus, "value", "")).rpartition("/")[2], result.path_text)
        for _, result in check.judged.results(violations=True)
    }
    assert ("b", "dcterms:description") in violated
    assert ("series", "dcterms:description") in violated  # of no dataset, and so of nobody's points
    distribution = check.found.distributions(NamedNode("http://portal.example/data/dataset/0c7f9f3e"))[0]
    assert (distribution.value.rpartition("/")[2], "dcterms:format") in violated
    told = printing.to_dict(check)["shapes"]
    assert told["decided"]
    assert (
        told["violations"]
        == check.violations
        == len([r for r in told["results"] if r["severity"] == "Violation"])
    )


# --- the folder ---------------------------------------------------------------------------------------------


def release(folder: Path, html: str = "html-shacl") -> None:
    (folder / html).mkdir(parents=True)
    (folder / html / "shapes.ttl").write_text(
        SHAPES
        + """
        :dataset a sh:NodeShape ; sh:targetClass dcat:Dataset ; sh:property
            [ sh:path dct:title ; sh:minCount 1 ] , :nowhere ,
            [ sh:path dcat:keyword ; sh:maxCount 1 ; sh:severity sh:Warning ] .
    """
    )


@pytest.mark.parametrize("place", ["", "3.0.1", "releases/3.0.1"])
@pytest.mark.parametrize("html", ["html-shacl", "html/shacl"])
def test_shapes_are_found_in_a_release_or_a_folder_of_releases(tmp_path: Path, place: str, html: str) -> None:
    release(tmp_path / place, html)

    folder = shapes.find(tmp_path)

    assert list(folder.files) == ["html-shacl/shapes.ttl"]
    assert folder.version == (place or tmp_path.name).rpartition("/")[2]


def test_of_several_releases_the_newest_is_taken(tmp_path: Path) -> None:
    for version in ("2.1.1", "3.0.0", "3.0.10", "3.0.9", "4.0.0-hvd"):
        release(tmp_path / version)

    assert shapes.find(tmp_path).version == "3.0.10"


def test_a_folder_without_shapes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "3.0.1").mkdir()

    with pytest.raises(InputError, match="holds no DCAT-AP shapes"):
        shapes.find(tmp_path)


def test_shapes_of_ones_own_are_run_and_what_is_missing_beside_them_is_said(
    tmp_path: Path, whole: str, check_text: CheckText
) -> None:
    release(tmp_path)
    # What is wrong with the entries of code lists is no fault of the catalogue that names them.
    (tmp_path / "html-shacl/range.ttl").write_text(
        SHAPES
        + """:concept a sh:NodeShape ; sh:targetClass <http://www.w3.org/2004/02/skos/core#Concept> ;
            sh:property [ sh:path dct:title ; sh:minCount 1 ] ."""
    )

    check = check_text(
        whole.replace('"Aineisto"@fi , "Dataset"@en', '" "').replace("dct:title ", "dct:alternative "),
        folder=tmp_path,
    )

    assert [metric.id for metric in check.scores[0].lost] == ["dcat-ap"]
    assert check.violations == 1
    assert {values["file"] for key, values in check.notes if key == "note.shapes-missing"} >= {
        "shacl/dcat-ap-SHACL.ttl"
    }


def test_of_codes_nobody_describes_their_form_tells_class_and_scheme() -> None:
    data = turtle(
        f"""<urn:d> dct:format <{EU}file-type/XLSX> , <{EU}frequency/IRREG> , <{EU}nothing/X> ;
            dct:title "{EU}licence/CC0" ."""
    )
    known = turtle(f"<{EU}frequency/IRREG> a dct:Frequency .")

    told = {
        (q.subject.value, q.object.value) for q in shapes.background(data, known) if EU in q.subject.value
    }

    assert told == {
        (EU + "file-type/XLSX", "http://purl.org/dc/terms/MediaTypeOrExtent"),
        (EU + "file-type/XLSX", "http://www.w3.org/2004/02/skos/core#Concept"),
        (EU + "file-type/XLSX", EU + "file-type"),
    }


def test_a_violation_of_a_value_that_is_only_named_is_its_datasets() -> None:
    found = Found(
        turtle(
            "<urn:a> a dcat:Dataset ; dct:language <urn:x> . <urn:b> a dcat:Dataset ; dct:relation <urn:a> ."
        )
    )

    assert {str(term) for term in found.part_of(NamedNode("urn:a"))} >= {"<urn:a>", "<urn:x>"}
    assert NamedNode("urn:a") not in found.part_of(NamedNode("urn:b"))


# --- judging what nobody trusts -----------------------------------------------------------------------------


def test_data_are_judged_as_written_and_dangling_references_are_left_out() -> None:
    data = turtle('<urn:a> a dcat:Distribution ; dcat:byteSize "007"^^xsd:nonNegativeInteger .')
    wrong = turtle("<urn:b> a dcat:Distribution ; dcat:byteSize 7 .")
    size = turtle("""
        :size a sh:NodeShape ; sh:targetClass dcat:Distribution ;
            sh:property :nowhere , [ sh:path dcat:byteSize ; sh:datatype xsd:nonNegativeInteger ] .
    """)
    broken = turtle(BROKEN)

    first, second, third = foreign.judge(
        [foreign.Run(size, [data, wrong]), foreign.Run(broken, [data]), foreign.Run(size, [data])]
    )

    assert isinstance(first, Report)
    assert [result.focus for result in first.results] == [NamedNode("urn:b")]
    assert isinstance(second, KymgraphError)
    assert third == Report.of([])


def test_a_pattern_that_never_ends_is_ended_at_the_deadline() -> None:
    slow = turtle(':slow a sh:NodeShape ; sh:targetNode "%s" ; sh:pattern "^(a+)+$" .' % ("a" * 60 + "!"))

    with pytest.raises(GateTimeout, match="more than 3 s"):
        foreign.judge([foreign.Run(slow, [slow])], deadline=3)


def test_judging_that_needs_too_much_memory_is_no_verdict() -> None:
    with pytest.raises(GateTimeout, match="more than 90 MB"):
        foreign.judge([foreign.Run(turtle(""), [[]])], memory_mb=90)


def test_what_was_not_judged_leaves_the_points_open(
    tmp_path: Path, whole: str, check_text: CheckText
) -> None:
    release(tmp_path)
    (tmp_path / "shacl").mkdir()
    (tmp_path / "shacl/dcat-ap-SHACL.ttl").write_text(SHAPES + BROKEN)

    check = check_text(whole, folder=tmp_path)

    assert check.scores[0].states["dcat-ap"] is None
    assert "note.shapes-error" in {key for key, _ in check.notes}
    assert (check.points, check.possible) == (375, 405)
