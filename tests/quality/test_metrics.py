"""Each metric is shown to be lost, alone where that can be; others' catalogues get what was counted by hand.

The points are those of the table of the metadata quality assessment, written here by hand.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from kymgraph.quality import printing
from kymgraph.quality.found import Found
from kymgraph.quality.metrics import METRICS, score
from kymgraph.quality.texts import LANGUAGES, mend, name
from kymgraph.rdf import FORMATS, NamedNode, format_for, parse
from tests.localserver import Server

from .conftest import CheckText, at

HERE = Path(__file__).parent
EU = "http://publications.europa.eu/resource/authority/"

#: What is changed in the whole catalogue -> the points that this costs, metric by metric.
LOSES: dict[str, tuple[str, str, dict[str, int]]] = {
    "no keyword": (r'dcat:keyword "alue"@fi ;', "", {"keywords": 30}),
    "a keyword of blanks": (r'dcat:keyword "alue"@fi ;', 'dcat:keyword " " ;', {"keywords": 30}),
    "no theme": (r"dcat:theme \S+ ;", "", {"categories": 30}),
    "no place": (r"dct:spatial \S+ ;", "", {"spatial": 20}),
    "no time": (r"dct:temporal \[.*?\] ;", "", {"temporal": 20}),
    "access URL gone": (r"/a> ;", "/gone> ;", {"access-url-answers": 50}),
    "access URL not of the web": (r"<http://\S+/a> ;", "<ftp://x.example/a> ;", {"access-url-answers": 50}),
    "no download URL": (r"dcat:downloadURL \S+ ;", "", {"download-url": 20, "download-url-answers": 30}),
    "download URL gone": (r"/a\.csv>", "/gone>", {"download-url-answers": 30}),
    "no format": (
        r"dct:format \S+ ;",
        "",
        {"format": 20, "format-vocabulary": 10, "non-proprietary": 20, "machine-readable": 20},
    ),
    "a format that is a text": (
        r"dct:format \S+ ;",
        'dct:format "CSV" ;',
        {"format-vocabulary": 10, "non-proprietary": 20, "machine-readable": 20},
    ),
    "a format by https": (
        r"http://(\S+file-type)",
        r"https://\1",
        {"format-vocabulary": 10, "non-proprietary": 20, "machine-readable": 20},
    ),
    "no media type": (r"dcat:mediaType \S+ ;", "", {"media-type": 10, "format-vocabulary": 10}),
    "a media type that is a text": (
        r"dcat:mediaType \S+ ;",
        'dcat:mediaType "text/csv" ;',
        {"format-vocabulary": 10},
    ),
    "a media type that nobody registered": (r"types/text/csv", "types/text/x-csv", {"format-vocabulary": 10}),
    "a proprietary format": (r"file-type/CSV", "file-type/XLSX", {"non-proprietary": 20}),
    "a format for eyes": (r"file-type/CSV", "file-type/PNG", {"machine-readable": 20}),
    "no licence": (r"dct:license \S+ ;", "", {"licence": 20, "licence-vocabulary": 10}),
    "a licence of another list": (
        r"dct:license \S+ ;",
        "dct:license <https://creativecommons.org/licenses/by/4.0/> ;",
        {"licence-vocabulary": 10},
    ),
    "no access rights": (
        r"dct:accessRights \S+ ;",
        "",
        {"access-rights": 10, "access-rights-vocabulary": 5},
    ),
    "access rights as a text": (
        r"dct:accessRights \S+ ;",
        'dct:accessRights "julkinen"@fi ;',
        {"access-rights-vocabulary": 5},
    ),
    "no contact": (r"dcat:contactPoint \[.*?\] ;", "", {"contact-point": 20}),
    "no publisher": (r"(\] ;\s+)dct:publisher \S+ ;", r"\1", {"publisher": 10}),
    "no rights": (r"dct:rights \[.*?\] ;", "", {"rights": 5}),
    "no size": (r";\s+dcat:byteSize \S+ \.", ".", {"byte-size": 5}),
    "no day of issue": (r"dct:issued \S+ ;", "", {"issued": 5}),
    "no day of change": (r"dct:modified \S+ ;", "", {"modified": 5}),
    "no distribution": (
        r"dcat:distribution \S+ \.",
        'dct:identifier "a" .',
        {
            "access-url-answers": 50, "download-url": 20, "download-url-answers": 30, "format": 20,
            "media-type": 10, "format-vocabulary": 10, "non-proprietary": 20, "machine-readable": 20,
            "licence": 20, "licence-vocabulary": 10, "rights": 5, "byte-size": 5,
        },
    ),
}  # fmt: skip


def test_a_whole_catalogue_gets_all_points_that_can_be_had_without_shapes(
    whole: str, check_text: CheckText
) -> None:
    check = check_text(whole)

    assert (check.points, check.possible, check.most, check.ok) == (375, 405, 405, True)
    assert [metric.id for metric in check.scores[0].unchecked] == ["dcat-ap"]
    assert "up to 405 of 405 (Excellent), of which 375 are sure" in printing.to_text(check, "en")


@pytest.mark.parametrize("case", LOSES)
def test_what_is_missing_costs_just_the_points_of_its_metric(
    case: str, whole: str, check_text: CheckText
) -> None:
    pattern, replacement, lost = LOSES[case]
    changed, count = re.subn(pattern, replacement, whole, flags=re.DOTALL)
    assert count == 1, "the case changes one place"

    check = check_text(changed)

    [score] = check.scores
    assert {metric.id: metric.points for metric in score.lost} == lost
    assert score.possible == 405 - sum(lost.values())
    assert not check.ok
    text = printing.to_text(check, "sv")
    assert all(mend(metric, "sv") in text for metric in lost)


def test_each_metric_is_lost_in_some_case() -> None:
    shown = {metric for _, _, lost in LOSES.values() for metric in lost}

    assert shown | {"dcat-ap"} == {metric.id for metric in METRICS}  # test_shapes.py has that one


def test_the_metrics_add_up_to_what_the_dimensions_are_worth() -> None:
    sums = {
        "findability": 100,
        "accessibility": 100,
        "interoperability": 110,
        "reusability": 75,
        "contextuality": 20,
    }

    for dimension, worth in sums.items():
        assert sum(metric.points for metric in METRICS if metric.dimension == dimension) == worth


def test_each_metric_has_a_name_and_a_way_to_mend_it_in_each_language() -> None:
    for metric in METRICS:
        assert len({name(metric.id, lang) for lang in LANGUAGES}) == 3
        assert len({mend(metric.id, lang) for lang in LANGUAGES}) == 3


# --- catalogues of others -----------------------------------------------------------------------------------


def test_a_catalogue_as_avoindata_writes_it_has_the_points_that_were_counted_by_hand(
    files: Server, check_text: CheckText
) -> None:
    check = check_text(at(files, (HERE / "as-avoindata.ttl").read_text("utf-8")))

    got = {metric.id: metric.points for metric in METRICS if check.scores[0].states[metric.id]}
    assert got == {
        "keywords": 30, "categories": 30, "spatial": 20,
        "access-url-answers": 50, "download-url": 20, "download-url-answers": 30,
        "format": 20, "media-type": 10,
        "licence": 20, "contact-point": 20, "publisher": 10,
        "byte-size": 5, "issued": 5, "modified": 5,
    }  # fmt: skip
    assert (check.points, check.possible) == (275, 305)
    assert check.scores[0].title == "Kommunernas data"  # without a language, the first by the alphabet
    assert {key for key, _ in check.notes} == {"note.no-eu-theme", "note.frequency", "note.untagged"}


def test_a_dataset_without_anything_gets_nothing(check_text: CheckText) -> None:
    check = check_text("[] a <http://www.w3.org/ns/dcat#Dataset> .")

    assert (check.points, check.possible) == (0, 30)  # of the shapes nothing is known
    assert "no distribution" in printing.to_text(check, "en")


def test_without_a_dataset_nothing_is_praised(check_text: CheckText) -> None:
    check = check_text("<http://x.example/c> a <http://www.w3.org/ns/dcat#Catalog> .")

    assert (check.ok, check.points, check.scores) == (False, 0, ())
    assert "no dataset" in printing.to_text(check, "en")
    assert printing.to_dict(check)["rating"] == "bad"


def test_what_a_catalogue_lists_is_a_dataset_without_a_type_too_and_a_series_is_none(
    whole: str, check_text: CheckText
) -> None:
    text = (
        whole.replace(" a dcat:Dataset ;", "")
        + """
        <http://x.example/catalog> dcat:dataset <http://x.example/series> , <http://x.example/nobody> .
        <http://x.example/series> a dcat:DatasetSeries ; dct:title "Sarja"@fi .
    """
    )

    check = check_text(text)

    assert [str(score.dataset) for score in check.scores] == ["<http://x.example/dataset/a>"]
    assert check.possible == 405
    assert [values for key, values in check.notes if key == "note.undescribed"] == [{"n": 1}]


def test_points_of_two_distributions_are_not_put_together(files: Server, check_text: CheckText) -> None:
    """One is described well: 30 + 20 + 20 + 10 + 20 + 10 points; the other has the addresses: 100."""
    text = f"""
        @prefix dcat: <http://www.w3.org/ns/dcat#> . @prefix dct: <http://purl.org/dc/terms/> .
        <http://x.example/d> a dcat:Dataset ; dcat:distribution
            [ dct:title "described" ; dct:format <{EU}file-type/CSV> ; dct:license <{EU}licence/CC0> ;
              dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ] ,
            [ dct:title "there" ;
              dcat:accessURL <{files.at("/a")}> ; dcat:downloadURL <{files.at("/b.csv")}> ] .
    """

    check = check_text(text)

    [scored] = check.scores
    assert (scored.points, scored.distributions) == (110, 2)
    assert scored.best is not None
    assert check.found.title(scored.best, "en") == "described"


def test_of_what_was_not_asked_nothing_is_known(whole: str, check_text: CheckText) -> None:
    check = check_text(whole, ask=False)

    assert (check.points, check.possible, check.ok) == (295, 405, True)
    assert check.asked is None


@pytest.mark.parametrize("format", ["rdf", "jsonld", "nt"])
def test_the_format_of_the_catalogue_makes_no_difference(
    format: str, whole: str, check_text: CheckText
) -> None:
    from kymgraph.rdf import serialise

    quads = parse(whole.encode(), FORMATS["ttl"])

    check = check_text(serialise(quads, format_for(format)).decode(), format)

    assert (check.points, check.possible) == (375, 405)


def test_a_dataset_that_violates_the_shapes_loses_just_those_points(whole: str) -> None:
    found = Found(parse(whole.encode(), FORMATS["ttl"]))

    scored = score(NamedNode("http://x.example/dataset/a"), found, lambda _: True, False)

    assert [metric.id for metric in scored.lost] == ["dcat-ap"]
    assert scored.points == 375


# --- what is printed ----------------------------------------------------------------------------------------


def test_texts_of_strangers_cannot_steer_a_terminal(whole: str, check_text: CheckText) -> None:
    check = check_text(
        whole.replace('"Aineisto"@fi', '"A\\u001B[2J\\nB\\u202E"@fi').replace(', "Dataset"@en', "")
    )

    text = printing.to_text(check, "fi")

    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "A�[2J B�  http://x.example/dataset/a" in text


def test_the_json_tells_each_metric_of_each_dataset(whole: str, check_text: CheckText) -> None:
    told = json.loads(printing.to_json(check_text(whole.replace('dcat:keyword "alue"@fi ;', ""))))

    assert (told["points"], told["possible"], told["of"], told["ok"]) == (345, 375, 405, False)
    [dataset] = told["datasets"]
    metrics = {metric["id"]: metric for metric in dataset["metrics"]}
    assert len(metrics) == 23
    assert metrics["keywords"]["points"] == 0
    assert metrics["keywords"]["mend"]["fi"] == "Lisää aineistolle vähintään yksi avainsana (dcat:keyword)."
    assert metrics["dcat-ap"]["points"] is None
    assert metrics["categories"]["points"] == metrics["categories"]["of"] == 30
    assert {url["status"] for url in told["urls"]} == {200}
    assert told["shapes"] is None


def test_the_mean_of_a_catalogue_is_that_of_its_datasets(whole: str, check_text: CheckText) -> None:
    check = check_text(whole + "<http://x.example/dataset/b> a dcat:Dataset ; dcat:keyword 'b' .")

    assert [score.points for score in check.scores] == [375, 30]
    assert check.points == 202.5
    assert "202.5" in printing.to_text(check, "en")
    assert not check.ok
