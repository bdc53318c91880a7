"""The editor over HTTP, as a browser without scripts sees it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.api.portal.house import BASE, build
from tests.conftest import Serve
from tests.signing import Person, faults_of, fields_of, token

PLAN = "/edit/page/plan/a"


@dataclass(frozen=True)
class House:
    """A server that can be written to, and tokens for it."""

    url: str
    editor: str
    publisher: str
    store: Path

    def person(self, text: str, lang: str = "fi") -> Person:
        person = Person(self.url, lang)
        assert person.sign_in(text).status_code == 303
        return person

    def asks(self, text: str) -> bool:
        answer = httpx.post(
            self.url + "/sparql", data={"query": text}, headers={"accept": "application/sparql-results+json"}
        )
        return bool(answer.json()["boolean"])

    def named(self, name: str) -> bool:
        return self.asks(
            f'ASK {{ <{BASE}id/plan/a> <http://www.w3.org/2004/02/skos/core#prefLabel> "{name}"@fi }}'
        )


@pytest.fixture(scope="module")
def house(serve_writable: Serve, tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    project = build(folder)
    store = folder / "store"
    editor, publisher = token(store, "editor"), token(store, "publisher")
    return House(serve_writable(project.folder, store), editor, publisher, store)


def field_of(fields: dict[str, str], old: str) -> str:
    """The name of the field that shows a value."""
    return next(name for name, text in fields.items() if name.startswith("value.") and text == old)


def change(
    person: Person, path: str, old: str, new: str, **more: str
) -> tuple[httpx.Response, dict[str, str]]:
    """Alter one value of a form and send it."""
    fields = person.fields(path)
    sent = {**fields, field_of(fields, old): new, "basis.0": "same", **more}
    return person.post(path, sent), sent


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(house: House) -> None:
    stranger = Person(house.url)
    answer = stranger.get(PLAN)

    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/session?next=%2Fedit%2Fpage%2Fplan%2Fa")
    assert stranger.sign_in(house.editor, next=PLAN).headers["location"] == f"{PLAN}?lang=fi"


def test_the_form_shows_every_graph_with_its_fields(house: House) -> None:
    page = house.person(house.editor).get(PLAN)

    assert page.status_code == 200
    assert page.headers["cache-control"] == "no-store"
    said = faults_of(page.text)
    assert "Lähde: doc" in said
    assert "Käännökset" in said
    assert "Sivuja" in said
    values = set(fields_of(page.text).values())
    assert {"Suunnitelma A", "Plan A", "12", "<script>alert(1)</script>"} <= values
    assert "<script>alert" not in page.text


@pytest.mark.parametrize(
    ("lang", "text"),
    [
        ("fi", "Sivuja on enintään 99: korjaa luku."),
        ("sv", "Sidorna är högst 99: rätta talet."),
        ("en", "There are 99 pages at most: mend the number."),
    ],
)
def test_the_gate_speaks_at_the_field_in_the_language_of_the_reader(
    house: House, lang: str, text: str
) -> None:
    answer, sent = change(house.person(house.editor, lang), PLAN, "12", "120", action="check")

    assert answer.status_code == 422
    name = field_of(sent, "120").replace(".", "-")
    assert f'<a href="#{name}">' in answer.text
    assert text in faults_of(answer.text)
    assert fields_of(answer.text)[field_of(sent, "120")] == "120"


def test_what_cannot_be_read_is_said_before_the_gate_is_asked(house: House) -> None:
    answer, _ = change(house.person(house.editor), PLAN, "12", "tusina", action="preview")

    assert answer.status_code == 422
    assert "Kirjoita kokonaisluku" in faults_of(answer.text)


def test_the_island_gets_the_same_verdict_as_json(house: House) -> None:
    person = house.person(house.editor)
    fields = person.fields(PLAN)
    fields[field_of(fields, "12")] = "120"
    answer = person.post(PLAN, {**fields, "basis.0": "same", "action": "check"}, accept="application/json")

    assert answer.status_code == 200
    [fault] = answer.json()["faults"]
    assert fault["text"] == "Sivuja on enintään 99: korjaa luku."
    assert answer.json()["summary"] == "Korjattavaa: 1"


def test_a_changed_fact_asks_for_its_passage(house: House) -> None:
    answer, _ = change(house.person(house.editor), PLAN, "12", "13", **{"basis.0": "", "action": "preview"})

    assert answer.status_code == 422
    assert "Kerro, mihin lähdekohtaan muutos perustuu" in faults_of(answer.text)


def test_the_preview_says_what_changes_and_who_refers_to_it(house: House) -> None:
    answer, _ = change(house.person(house.editor), PLAN, "Suunnitelma A", "Suunnitelma Ä", action="preview")

    assert answer.status_code == 200
    said = " ".join(faults_of(answer.text).split())
    assert "<del><bdi>Suunnitelma A</bdi></del>" in answer.text
    assert "<ins><bdi>Suunnitelma Ä</bdi></ins>" in answer.text
    assert "Suunnitelma B" in said
    assert not house.named("Suunnitelma Ä")


def test_an_editors_change_becomes_one_proposal_however_often_it_is_sent(house: House) -> None:
    person = house.person(house.editor)
    first, sent = change(person, PLAN, "Suunnitelma A", "Ehdotettu", action="save", reason="Nimi korjattu")
    second = person.post(PLAN, sent)

    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert "proposal=" in first.headers["location"]
    assert not house.named("Ehdotettu")
    assert "Ehdotus on tallennettu" in person.get(first.headers["location"]).text


def test_a_reason_is_asked_for(house: House) -> None:
    answer, _ = change(house.person(house.editor), PLAN, "12", "13", action="save", reason=" ")

    assert answer.status_code == 422
    assert "Kirjoita perustelu" in faults_of(answer.text)


def test_a_publisher_publishes_once_and_undoes_it(house: House) -> None:
    person = house.person(house.publisher)
    first, sent = change(person, PLAN, "Suunnitelma A", "Julkaistu", action="save", reason="Nimi korjattu")
    second = person.post(PLAN, sent)

    assert first.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert house.named("Julkaistu")
    number = first.headers["location"].partition("change=")[2].partition("&")[0]
    path = f"/changes/{number}/undo"
    fields = fields_of(person.get(path).text, "fields")
    undone = person.post(path, {**fields, "reason": "Palautus"})
    assert undone.status_code == 303
    assert house.named("Suunnitelma A")
    assert f"Muutos {number} on kumottu" in person.get(undone.headers["location"]).text


def test_a_form_without_the_mark_saves_nothing(house: House) -> None:
    person = house.person(house.publisher)
    answer, _ = change(person, PLAN, "12", "77", action="save", reason="x", csrf="0" * 64)

    assert answer.status_code == 403
    assert not house.asks(f"ASK {{ <{BASE}id/plan/a> <{BASE}id/pages> 77 }}")


def test_undoing_takes_the_mark_of_the_session_and_what_programs_call_a_token(house: House) -> None:
    person = house.person(house.publisher)

    assert person.post("/changes/1/undo", {"reason": "x"}).status_code == 403
    assert person.post("/changes/1/undo", {"reason": "x", "csrf": "0" * 64}).status_code == 403
    assert person.post("/changes/1/revert?reason=x", {}).status_code == 401


def test_of_two_who_change_the_same_value_the_second_is_told(house: House) -> None:
    one, other = house.person(house.publisher), house.person(house.publisher)
    fields = other.fields(PLAN)
    done, _ = change(one, PLAN, "12", "21", action="save", reason="Laskettu uudelleen")
    assert done.status_code == 303

    late = {**fields, field_of(fields, "12"): "22", "basis.0": "same", "action": "save", "reason": "Omani"}
    answer = other.post(PLAN, late)

    assert answer.status_code == 422
    assert "Joku muu on sillä välin muuttanut" in faults_of(answer.text)
    assert house.asks(f"ASK {{ <{BASE}id/plan/a> <{BASE}id/pages> 21 }}")
    change(one, PLAN, "21", "12", action="save", reason="Takaisin")


def test_a_value_and_a_field_are_added_without_scripts(house: House) -> None:
    person = house.person(house.editor)
    fields = person.fields(PLAN)
    button = f'["{BASE}graph/doc", "{BASE}id/part"]'
    more = fields_of(person.post(PLAN, {**fields, "add": button}).text)

    assert len(more) == len(fields) + 2
    assert more["key"] == fields["key"]


def test_a_new_thing_begins_with_its_name_and_needs_its_passage(house: House) -> None:
    person = house.person(house.publisher)
    begun = person.get("/edit/new/Plan?label=Uusi+suunnitelma&graph=doc")
    assert begun.status_code == 303
    path = begun.headers["location"]
    assert path.startswith("/edit/page/plan/uusi-suunnitelma?")
    fields = person.fields(path)
    assert fields[field_of(fields, "Uusi suunnitelma")] == "Uusi suunnitelma"

    refused = person.post(path, {**fields, "action": "preview"})
    assert refused.status_code == 422
    assert "Lähdegraafin tiedolla ei ole lähdekohtaa" in faults_of(refused.text)

    row = next(name for name, text in fields.items() if name.startswith("row.") and "restsOn" in text)
    passage = row.replace("row.", "value.")
    sent = {**fields, passage: f"{BASE}id/passage/doc/5-6", "action": "save", "reason": "Lisätty"}
    done = person.post(path, sent)
    assert done.status_code == 303, faults_of(done.text)
    assert house.asks(f"ASK {{ <{BASE}id/plan/uusi-suunnitelma> a <{BASE}id/Plan> }}")
    assert person.get("/edit/new/Plan?label=Uusi+suunnitelma&graph=doc").status_code == 422


def test_the_start_finds_things_and_lists_classes(house: House) -> None:
    page = house.person(house.editor).get("/edit?q=suunnitelma")

    assert page.status_code == 200
    assert 'href="/edit/page/plan/b' in page.text
    assert 'href="/edit/new/Plan' in page.text


def test_who_has_signed_in_anew_finds_what_they_had_typed(house: House) -> None:
    person = house.person(house.publisher)
    fields = person.fields(PLAN)
    person.post("/session/end", {"csrf": fields["csrf"]})
    typed = {**fields, field_of(fields, "Suunnitelma A"): "Kesken jäänyt", "action": "save", "reason": "x"}
    assert person.post(PLAN, typed).status_code == 401
    person.sign_in(house.publisher)

    again = person.post(PLAN, typed)  # as a browser does that loads the page again

    assert again.status_code == 403
    assert "Kesken jäänyt" in fields_of(again.text).values()
    assert fields_of(again.text)["csrf"] != fields["csrf"]
    assert not house.named("Kesken jäänyt")


def test_hostile_values_are_shown_harmlessly_and_stay_as_they_are(house: House) -> None:
    person = house.person(house.publisher)
    path = "/edit/page/plan/hostile"
    page = person.get(path)

    assert page.status_code == 200
    assert len(page.content) < 60_000
    assert "<img" not in page.text.partition("<main")[2]
    assert 'href="javascript:' not in page.text
    assert "Arvoja, joita lomake ei näytä ja jotka säilyvät ennallaan: 1" in faults_of(page.text)
    unchanged = person.post(path, {**person.fields(path), "action": "check"})
    assert "Et ole muuttanut mitään" in faults_of(unchanged.text)


def test_a_token_for_one_graph_leaves_the_others_as_they_are(house: House) -> None:
    person = house.person(token(house.store, "editor", graphs=["translations"]))
    fields = person.fields(PLAN)

    assert [text for name, text in fields.items() if name.startswith("value.")] == ["Plan A"]
    sent = {**fields, field_of(fields, "Plan A"): "Planen A", "action": "save", "reason": "Rättat"}
    assert "proposal=" in person.post(PLAN, sent).headers["location"]


def test_a_reader_may_not_edit(house: House) -> None:
    person = house.person(token(house.store, "reader"))

    assert person.get(PLAN).status_code == 403
    assert "Tunnisteesi ei anna oikeutta muokata" in person.get("/edit").text


def test_what_is_not_there_is_a_page_that_says_so(house: House) -> None:
    answer = house.person(house.editor).get("/edit/page/plan/none")

    assert answer.status_code == 404
    assert "<h1>" in answer.text


def test_the_page_of_a_thing_leads_to_its_form_and_that_of_a_passage_does_not(house: House) -> None:
    person = house.person(house.editor)

    assert 'href="/edit/page/plan/a?lang=en"' in person.get("/page/plan/a?lang=en").text
    assert "/edit/page/" not in person.get("/page/passage/doc/3-3?lang=en").text
