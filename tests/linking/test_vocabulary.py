"""Vocabulary files: SKOS in several formats, tables, and what is refused of both."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from kymgraph.errors import BadParameter, InputError, RdfSyntaxError, UnsafePayload
from kymgraph.linking import sources
from kymgraph.linking.asking import Asker
from kymgraph.linking.decisions import Text
from kymgraph.linking.vocabulary import load, of_table
from kymgraph.net import Client
from kymgraph.rdf import FORMATS, parse, serialise

SKOS = """
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix v: <http://v.example/> .

v:areas a skos:ConceptScheme ; skos:prefLabel "Areas"@en ; owl:versionInfo "2026.1" .
v:Municipality rdfs:label "municipality"@en .
v:142 a skos:Concept , v:Municipality ; skos:inScheme v:areas ; skos:prefLabel "Iitti"@fi , "Itis"@sv ;
  skos:altLabel "Iitin kunta"@fi ; skos:notation "142" ; skos:broader v:07 .
v:07 a skos:Concept ; skos:inScheme v:areas ; skos:prefLabel "Päijät-Häme"@fi .
v:old a skos:Concept ; skos:prefLabel "Elimäki"@fi ; owl:deprecated true ; dct:isReplacedBy v:286 .
v:group a skos:Collection ; skos:prefLabel "ryhmä"@fi .
"""


@pytest.mark.parametrize("suffix", ["ttl", "nt", "rdf", "jsonld", "ttl.gz"])
def test_skos_is_read_in_every_format(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"areas.{suffix}"
    quads = parse(SKOS.encode(), FORMATS["ttl"])
    data = serialise(quads, FORMATS[suffix.removesuffix(".gz")], {})
    file.write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)

    read = load(file)

    assert sorted(read.entries) == ["http://v.example/07", "http://v.example/142", "http://v.example/old"]
    iitti, old = read.entries["http://v.example/142"], read.entries["http://v.example/old"]
    assert set(iitti.names) == {Text("Iitti", "fi"), Text("Itis", "sv")}
    assert (iitti.others, iitti.types, iitti.broader, iitti.codes) == (
        (Text("Iitin kunta", "fi"),), ("municipality",), ("Päijät-Häme",), ("142",)
    )  # fmt: skip
    assert (iitti.vocabulary, iitti.release) == ("http://v.example/areas", "2026.1")
    assert (old.deprecated, old.replaced_by) == (True, "http://v.example/286")


def test_a_table_says_the_same_in_columns() -> None:
    rows = (
        "iri\tlabel@fi\tlabel@sv\talt@fi\ttype\tbroader\tnotation\tfrom\tuntil\n"
        "http://v.example/142\tIitti\tItis\tIitin kunta | Iitin pitäjä\tmunicipality\t"
        "Päijät-Häme\t142\t2021\t\n"
        "\n"
        'http://v.example/q\t"lainattu"\t\t\t\t\t\t\t\n'
    )

    read = of_table(
        b"\xef\xbb\xbf" + rows.encode(), "areas.tsv", iri="http://v.example/areas", release="2026"
    )

    iitti = read.entries["http://v.example/142"]
    assert iitti.others == (Text("Iitin kunta", "fi"), Text("Iitin pitäjä", "fi"))
    assert (iitti.valid_from, iitti.valid_until) == ("2021", "")
    assert (iitti.vocabulary, iitti.release) == ("http://v.example/areas", "2026")
    assert read.entries["http://v.example/q"].names == (Text('"lainattu"', "fi"),)


@pytest.mark.parametrize(
    ("name", "data", "error", "said"),
    [
        ("a.tsv", b"iri\tnimi\n", InputError, "'nimi' is not known"),
        ("a.tsv", b"label\nIitti\n", InputError, "no column iri"),
        ("a.tsv", b"iri\tlabel\nnot an iri\tIitti\n", InputError, "row 2"),
        ("a.tsv", "iri\tlabel\nhttp://a.example/1\tHämeen\n".encode("latin-1"), InputError, "not UTF-8"),
        ("a.ttl", b"<<<", RdfSyntaxError, "a.ttl"),
        ("a.rdf", b'<!DOCTYPE x [<!ENTITY a "b">]><x/>', UnsafePayload, "DTD"),
        ("a.doc", b"", InputError, "neither RDF nor a table"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(
    tmp_path: Path, name: str, data: bytes, error: type[Exception], said: str
) -> None:
    (tmp_path / name).write_bytes(data)

    with pytest.raises(error, match=said):
        load(tmp_path / name)


def test_a_vocabulary_that_does_not_exist_is_told_with_those_that_do(tmp_path: Path) -> None:
    asker = Asker(Client([]), tmp_path)

    with pytest.raises(BadParameter, match="nosuch") as refused:
        sources.named("nosuch", asker, [])
    with pytest.raises(InputError, match="is no file"):
        sources.named(str(tmp_path / "missing.ttl"), asker, [])

    assert "eu-themes" in (refused.value.hint or "")


def test_links_from_yso_places_come_from_a_file_too(tmp_path: Path) -> None:
    from kymgraph.linking.decisions import MATCHES, Decision
    from kymgraph.linking.wikidata import Wikidata

    file = tmp_path / "links.nt"
    file.write_text(
        "<http://www.yso.fi/onto/yso/p94151> <http://www.w3.org/2004/02/skos/core#closeMatch> "
        "<http://www.wikidata.org/entity/Q853673> .\n"
    )
    made = Decision(
        "urn:iitti", MATCHES["exact"], "http://www.yso.fi/onto/yso/p94151", True, (Text("Iitti"),),
        "http://www.yso.fi/onto/yso/places", "urn:me", "2026-11-22", (Text("sama"),),
    )  # fmt: skip

    found = sources.named("wikidata", Asker(Client([]), tmp_path), [made], via=file)

    assert isinstance(found, Wikidata)
    assert found.via == {
        "urn:iitti": [("http://www.yso.fi/onto/yso/p94151", "http://www.wikidata.org/entity/Q853673")]
    }
