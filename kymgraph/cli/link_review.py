"""Proposals as a person sees them, and the questions of a review. Questions and notes go to stderr."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from kymgraph.cli import link_parts as parts
from kymgraph.cli.common import Context, note

if TYPE_CHECKING:
    from kymgraph.linking.decisions import Decision
    from kymgraph.linking.match import Suggestion

#: What is said beside results.
SAID: Final = {
    "fi": {
        "none": "Ehdotuksia ei ole: kaikesta on päätetty, tai mitään samankaltaista ei löytynyt.",
        "some": "Ehdotuksia: {n}. Mikään niistä ei ole linkki ennen päätöstä: kymgraph link review --to {to}",
        "kept": "Ehdotuksia tallessa linkkien tarkistusta varten: {n}. Ratkaise ne sivulla /edit/links.",
        "score": "vahvuus",
        "keys": "[h]yväksy  [m]uuta vastaavuutta  [e]i ole linkki  [o]hita  [l]opeta",
        "why": "Perustelu (tyhjä: ehdotuksen perusteet): ",
        "which": "Vastaavuus (exact, close, broad, narrow): ",
        "left": "Lopetettiin. Päätetyt ovat tallessa; loput tulevat uudelleen samalla komennolla.",
        "end": "Kaikki ehdotukset on käyty läpi. Päätöksiä: {n}.",
        "sound": "Linkeissä ei ole huomautettavaa. Tarkistettuja päätöksiä: {n}.",
        "found": "Huomautuksia: {n}.",
    },
    "sv": {
        "none": "Inga förslag: allt är avgjort, eller inget liknande hittades.",
        "some": "Förslag: {n}. Inget är en länk förrän någon avgör det: kymgraph link review --to {to}",
        "kept": "Förslag sparade för länkgranskningen: {n}. Avgör dem på sidan /edit/links.",
        "score": "styrka",
        "keys": "[g]odkänn  [ä]ndra motsvarighet  [f]örkasta  [h]oppa över  [s]luta",
        "why": "Motivering (tom: förslagets grunder): ",
        "which": "Motsvarighet (exact, close, broad, narrow): ",
        "left": "Avslutat. Det avgjorda är sparat; resten kommer igen med samma kommando.",
        "end": "Alla förslag är genomgångna. Beslut: {n}.",
        "sound": "Inget att anmärka på länkarna. Kontrollerade beslut: {n}.",
        "found": "Anmärkningar: {n}.",
    },
    "en": {
        "none": "Nothing to propose: all is decided, or nothing alike was found.",
        "some": "{n} proposals. None is a link before somebody decides: kymgraph link review --to {to}",
        "kept": "{n} proposals are kept for the link desk. Decide on them at /edit/links.",
        "score": "score",
        "keys": "[a]ccept  [c]hange the match  [d]ecline  [s]kip  [q]uit",
        "why": "Reason (empty: those of the proposal): ",
        "which": "Match (exact, close, broad, narrow): ",
        "left": "Stopped. What was decided is written; the rest comes again with the same command.",
        "end": "All proposals were gone through. Decisions: {n}.",
        "sound": "Nothing is wrong with the links. Decisions looked at: {n}.",
        "found": "{n} findings.",
    },
}
#: What each key does, by language; the keys stand in brackets in `keys`.
KEYS: Final = {
    "fi": {"h": "accept", "m": "change", "e": "decline", "o": "skip", "l": "quit"},
    "sv": {"g": "accept", "ä": "change", "f": "decline", "h": "skip", "s": "quit"},
    "en": {"a": "accept", "c": "change", "d": "decline", "s": "skip", "q": "quit"},
}


def shown(one: Suggestion, lang: str) -> str:
    """A proposal in a few lines, its reasons last; without what could steer a terminal."""
    theirs = ", ".join(str(text) for text in one.entry.names)
    lines = [
        f"{one.entity.name(lang)} ({one.entity.kind})  {one.match}  {theirs}",
        f"  {one.entity.iri}",
        f"  {one.entry.iri}  {SAID[lang]['score']} {one.score:.2f}",
        *(f"    · {reason.text(lang)}" for reason in one.reasons),
    ]
    return "\n".join("".join(sign if sign.isprintable() else "\ufffd" for sign in line) for line in lines)


def text(found: list[Suggestion], lang: str) -> str:
    """Proposals one below the other."""
    return "".join(shown(one, lang) + "\n" for one in found)


def tsv(found: list[Suggestion], lang: str) -> str:
    """Proposals as a table without quoting."""
    head = "subject\tsubject_label\ttype\tmatch\tobject\tobject_label\tscore\treasons\tvocabulary\trelease\n"
    rows = (
        (
            one.entity.iri, one.entity.name(lang), one.entity.kind, one.match, one.entry.iri,
            " | ".join(str(text) for text in one.entry.names), f"{one.score:.2f}",
            "; ".join(reason.text(lang) for reason in one.reasons), one.entry.vocabulary, one.entry.release,
        )
        for one in found
    )  # fmt: skip
    return head + "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)


def answered(context: Context, one: Suggestion, agent: str | None) -> Decision | str:
    """What the person decides about a proposal, or `skip` or `quit`. Raises EOFError at the end of input."""
    said = SAID[context.lang]
    while (what := KEYS[context.lang].get(_typed("> ").casefold()[:1])) is None:
        note(said["keys"])
    if what in ("skip", "quit"):
        return what
    match = _which(said["which"]) if what == "change" else one.match
    return parts.of_suggestion(context, one, match, what != "decline", _typed(said["why"]), agent)


def _typed(question: str) -> str:
    """A line that the person types. The question is no result, so it goes where notes go."""
    print(question, end="", file=sys.stderr, flush=True)
    if not (line := sys.stdin.readline()):
        raise EOFError
    return line.strip()


def _which(question: str) -> str:
    from kymgraph.linking.decisions import MATCHES

    while (word := _typed(question).casefold()) not in MATCHES:
        pass
    return word
