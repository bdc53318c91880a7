"""Link proposals kept for the link desk of the portal: what `kymgraph link suggest --keep` found.

The server makes no proposals itself: that takes whole vocabularies and questions to the web, which are the
operator's to ask. It shows what is kept here, less what has been decided since. One file per vocabulary; a
new run takes the place of the one before.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kymgraph.errors import CannotWrite
from kymgraph.linking import decisions
from kymgraph.linking.decisions import MATCHES, Decision, Text
from kymgraph.linking.entities import KINDS
from kymgraph.linking.match import Suggestion
from kymgraph.linking.reasons import TEXTS, Reason
from kymgraph.linking.vocabulary import Entry

#: In the folder of the store, beside the answers that services gave.
FOLDER: Final = "linking/desk"
#: Bytes of one file that are read, and proposals that one run keeps.
LARGEST: Final = 20_000_000
MOST: Final = 5_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One proposal that waits for a decision."""

    to: str  #: the vocabulary as the operator named it
    made: str  #: ISO time of the run
    subject: str  #: IRI of ours
    name: str  #: what ours was called then
    kind: str  #: place, theme, organisation or fund
    match: str  #: exact, close, broad or narrow
    score: float
    reasons: tuple[Reason, ...]
    entry: Entry

    @property
    def pair(self) -> tuple[str, str]:
        return self.subject, self.entry.iri

    @property
    def key(self) -> str:
        """The pair in short, for forms."""
        return hashlib.sha256(" ".join(self.pair).encode()).hexdigest()[:16]

    def decision(self, match: str, *, accepted: bool, reason: str, lang: str, reviewer: str) -> Decision:
        """What a person decides on it; without a reason of theirs, those of the proposal stand for it."""
        told = reason or "; ".join(said.text(lang) for said in self.reasons)
        return decide(
            self.subject, self.entry, match, accepted=accepted, reason=Text(told, lang), reviewer=reviewer
        )


def decide(
    subject: str, entry: Entry, match: str, *, accepted: bool, reason: Text, reviewer: str
) -> Decision:
    """A person's decision of today on a thing of ours and a concept as its vocabulary describes it."""
    return Decision(
        subject=subject,
        predicate=MATCHES[match],
        object=entry.iri,
        accepted=accepted,
        labels=entry.names,
        vocabulary=entry.vocabulary or namespace(entry.iri),
        reviewer=reviewer,
        decided_on=decisions.today(),
        reasons=(reason,),
        release=entry.release,
        confidence=None,
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
    )


def namespace(object: str) -> str:
    """What a concept belongs to where nobody says: its IRI up to the last part.

    >>> namespace("https://example.org/alueet/142")
    'https://example.org/alueet/'
    """
    return object[: max(object.rstrip("/#").rfind("/"), object.rstrip("/#").rfind("#")) + 1] or object


# --- the files ------------------------------------------------------------------------------------------


def write(store: Path, to: str, suggestions: Iterable[Suggestion]) -> int:
    """Keep the proposals of one run, in the place of those of the run before; gives how many.

    Raises CannotWrite.
    """
    found = list(suggestions)[:MOST]
    made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    body = {"to": to, "made": made, "proposals": [_plain(one) for one in found]}
    place = store / FOLDER / f"{_slug(to)}.json"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        new = place.with_suffix(".new")
        new.write_text(json.dumps(body, ensure_ascii=False, indent=1), "utf-8")
        new.replace(place)
    except OSError as error:
        raise CannotWrite(
            f"the proposals could not be kept in {place.parent}: {error.strerror}; nothing was decided"
        ) from None
    return len(found)


def read(store: Path) -> list[Kept]:
    """All kept proposals, the strongest of each thing first; a file that is none of ours is left out."""
    found: list[Kept] = []
    folder = store / FOLDER
    for place in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            if place.stat().st_size <= LARGEST:
                found += _read(json.loads(place.read_text("utf-8")))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            continue
    return sorted(
        found, key=lambda one: (one.kind, one.name.casefold(), one.subject, -one.score, one.entry.iri)
    )


def stamp(store: Path) -> tuple[tuple[str, int, int], ...]:
    """What tells one state of the files from another, for who keeps what was read."""
    folder = store / FOLDER
    if not folder.is_dir():
        return ()
    told = []
    for place in sorted(folder.glob("*.json")):
        about = place.stat()
        told.append((place.name, about.st_mtime_ns, about.st_size))
    return tuple(told)


def _slug(to: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", Path(to).name).strip("-.")[:60] or "vocabulary"
    return f"{plain}-{hashlib.sha256(to.encode()).hexdigest()[:8]}"


def _plain(one: Suggestion) -> dict[str, Any]:
    entry = one.entry
    return {
        "subject": one.entity.iri,
        "name": one.entity.name(),
        "kind": one.entity.kind,
        "match": one.match,
        "score": one.score,
        "reasons": [[said.code, said.ours, said.theirs, said.lang] for said in one.reasons],
        "object": entry.iri,
        "names": [[text.value, text.lang] for text in entry.names],
        "broader": list(entry.broader),
        "types": list(entry.types),
        "vocabulary": entry.vocabulary,
        "release": entry.release,
        "validFrom": entry.valid_from,
        "validUntil": entry.valid_until,
    }


def _read(body: Mapping[str, Any]) -> list[Kept]:
    return [
        Kept(
            to=str(body["to"]),
            made=str(body["made"]),
            subject=str(one["subject"]),
            name=str(one["name"]),
            kind=one["kind"],
            match=one["match"],
            score=float(one["score"]),
            reasons=tuple(Reason(*map(str, said)) for said in one["reasons"] if said[0] in TEXTS),
            entry=Entry(
                iri=str(one["object"]),
                names=tuple(Text(str(value), str(lang)) for value, lang in one["names"]),
                broader=tuple(map(str, one["broader"])),
                types=tuple(map(str, one["types"])),
                vocabulary=str(one["vocabulary"]),
                release=str(one["release"]),
                valid_from=str(one["validFrom"]),
                valid_until=str(one["validUntil"]),
            ),
        )
        for one in body["proposals"][:MOST]
        if one["kind"] in KINDS and one["match"] in MATCHES
    ]
