"""Words of Finnish, Swedish and English. Expected lemmas are those of a dictionary, written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymgraph import words
from kymgraph.search import file
from kymgraph.words import mapped

from ..needs import size

FINNISH = [
    # inflected form, base form, what it is made of
    ("maakuntaohjelman", "maakuntaohjelma", ("maakunta", "ohjelma")),
    ("maakuntaohjelmissamme", "maakuntaohjelma", ("maakunta", "ohjelma")),
    ("kyberturvallisuutta", "kyberturvallisuus", ("kyber", "turvallisuus")),
    ("verkostoissa", "verkosto", ()),
    ("kärjestä", "kärki", ()),  # rk : rj
    ("kaupungin", "kaupunki", ()),  # nk : ng
    ("hankkeiden", "hanke", ()),  # kk : k
    ("kehittämishankkeiden", "kehittämishanke", ("kehittäminen", "hanke")),
    ("yhdyskuntarakenteen", "yhdyskuntarakenne", ("yhdyskunta", "rakenne")),
    ("biotaloutta", "biotalous", ("bio", "talous")),
    ("luonnonvarojen", "luonnonvara", ("luonto", "vara")),  # a genitive in front
    ("kouvolan", "kouvola", ()),
    ("metsäalan", "metsäala", ("metsä", "ala")),
]
SWEDISH = [
    ("landskapsprogrammets", "landskapsprogram", ("landskap", "program")),
    ("utvecklingsprogrammen", "utvecklingsprogram", ("utveckling", "program")),
    ("nätverken", "nätverk", ()),
    ("åtgärderna", "åtgärd", ()),
]
ENGLISH = [("programmes", "programme", ()), ("priorities", "priority", ()), ("networks", "network", ())]


@pytest.mark.parametrize(
    ("lang", "form", "lemma", "parts"),
    [("fi", *row) for row in FINNISH] + [("sv", *row) for row in SWEDISH] + [("en", *row) for row in ENGLISH],
)
def test_an_inflected_form_has_the_lemma_and_parts_of_its_word(
    lang: str, form: str, lemma: str, parts: tuple[str, ...]
) -> None:
    known = words.word(form, lang)

    assert known.lemmas == (lemma,)
    assert known.parts == parts


@pytest.mark.parametrize("word", ["perustaminen", "verkosto", "erikoistuminen", "oppiva"])
def test_a_word_that_is_no_compound_is_not_split(word: str) -> None:
    assert words.word(word, "fi").parts == ()


def test_a_compound_that_no_dictionary_has_is_brought_to_its_base_form_by_its_last_part() -> None:
    assert words.dictionary("fi").get("digitalouskärjille") is None

    assert words.word("digitalouskärjille", "fi").lemmas == ("digitalouskärki",)


def test_hyphens_dashes_and_numbers_are_cut_alike_in_names_and_questions() -> None:
    assert words.forms("ICT-ala") == ["ict", "ala"]
    assert words.forms("2022–2025") == words.forms("2022-2025") == ["2022", "2025"]
    assert words.normal("Bio-  ja KIERTOtalous") == words.normal("bio – ja kiertotalous")


def test_letters_written_in_two_ways_are_the_same_letter() -> None:
    assert words.forms("a\u0308lykäs") == ["älykäs"]
    assert words.fold("ÄÖÅäöå") == "AOAaoa"


@settings(max_examples=size(quick=50, ci=200, night=2000), deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_cut_into_words_of_letters_and_digits_in_lower_case(text: str) -> None:
    for word in words.words(text):
        assert word.form
        assert "_" not in word.form
        assert not set(word.form) & set(" \t\n\"'()*-:^")
        assert all(word.terms)


@settings(max_examples=size(quick=50, ci=200, night=2000), deadline=None)
@given(st.text("aeiloskntrmhpvjäö", min_size=5, max_size=9), st.data())
def test_words_that_differ_by_one_letter_have_a_key_in_common(word: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("aeiouyk"))
    other = data.draw(
        st.sampled_from(
            [
                word[:place] + word[place + 1 :],
                word[:place] + letter + word[place:],
                word[:place] + letter + word[place + 1 :],
            ]
        )
    )

    assert file.near_keys(word) & file.near_keys(other)


@pytest.mark.parametrize("there", ["nothing", "a file cut off", "a file of others", "no folder to write to"])
def test_a_dictionary_is_read_whatever_lies_in_the_cache_folder(
    there: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(mapped, "look_up", mapped.look_up.__wrapped__)
    path = mapped._path("en")
    if there == "a file cut off":
        mapped.look_up("en")
        path.write_bytes(path.read_bytes()[:100_000])
    elif there == "a file of others":
        path.parent.mkdir()
        path.write_text("not ours")
    elif there == "no folder to write to":
        path.parent.write_text("a file where the folder has to be")

    for _ in range(2):
        look = mapped.look_up("en")
        assert (look("programmes"), look("priorities"), look("xyzzy")) == ("programme", "priority", None)
