"""Every refusal as RFC 9457 `application/problem+json`: the status and the titles of each stable `code`.

The library raises errors that know nothing of HTTP; this page is the only place where a code meets a status.
The title is in the reader's language, the detail is the message of the error: what was refused, in which
state things were left, what to do next.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from api.negotiate import Language
from kymgraph.errors import BaseMoved, GateRejected, KymgraphError, SheetRefused
from kymgraph.report import Report

MEDIA_TYPE: Final = "application/problem+json"


class RequestError(KymgraphError):
    """A request refused by the HTTP layer itself, with the headers that its status calls for."""

    code: ClassVar[str] = "bad-request"

    def __init__(
        self, message: str, *, hint: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.headers = headers or {}


class NotFound(RequestError):
    """No resource stands at this path; `near` lists those with names like it, as `{iri, label}`."""

    code = "not-found"

    def __init__(
        self, message: str, *, hint: str | None = None, near: tuple[dict[str, str], ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.near = near


class Gone(RequestError):
    """A resource that a commit took away; `tombstone` says which commit, when and why."""

    code = "gone"

    def __init__(self, message: str, tombstone: dict[str, Any], *, headers: dict[str, str]) -> None:
        super().__init__(message, headers=headers)
        self.tombstone = tombstone


class MethodNotAllowed(RequestError):
    """The path does not know this method; `allow` lists those it knows."""

    code = "method-not-allowed"

    def __init__(self, method: str, allow: str) -> None:
        super().__init__(
            f"nothing was done: {method} is not allowed here. Use one of: {allow}", headers={"allow": allow}
        )


class UnsupportedMediaType(RequestError):
    """The body is of a type (or in a character set) that is not read here."""

    code = "unsupported-media-type"


class BodyTooLarge(RequestError):
    """The body holds more bytes than are read from anyone."""

    code = "body-too-large"


class UriTooLong(RequestError):
    """The address is longer than is read; the same request fits in a POST."""

    code = "uri-too-long"


class TokenRequired(RequestError):
    """A write without a valid token."""

    code = "token-required"

    def __init__(self, what: str, *, sent: bool = False) -> None:
        challenge = 'Bearer realm="kymgraph"' + (', error="invalid_token"' if sent else "")
        super().__init__(
            f"nothing was written: {what} needs a bearer token with the right to write"
            + (
                ", and the one sent is not known here."
                if sent
                else ". Send it as: Authorization: Bearer TOKEN"
            ),
            headers={"www-authenticate": challenge},
        )


class NotReady(RequestError):
    """The server has not answered a query yet."""

    code = "not-ready"


@dataclass(frozen=True, slots=True)
class Kind:
    """One stable code: its HTTP status and its title in three languages."""

    status: int
    fi: str
    sv: str
    en: str

    def title(self, lang: Language) -> str:
        return {"fi": self.fi, "sv": self.sv, "en": self.en}[lang]


KINDS: Final[dict[str, Kind]] = {
    "bad-request": Kind(400, "Virheellinen pyyntö", "Felaktig begäran", "Bad request"),
    "bad-input": Kind(400, "Syötettä ei voi lukea", "Indata kan inte läsas", "Unreadable input"),
    "rdf-syntax": Kind(400, "RDF-syntaksivirhe", "Syntaxfel i RDF", "RDF syntax error"),
    "unsafe-payload": Kind(400, "Vaarallinen sisältö", "Osäkert innehåll", "Unsafe payload"),
    "query-syntax": Kind(400, "Kyselyn syntaksivirhe", "Syntaxfel i frågan", "Query syntax error"),
    "update-on-query": Kind(
        400,
        "Päivitys kyselyn paikalla",
        "Uppdatering i stället för fråga",
        "Update where a query is expected",
    ),
    "bad-parameter": Kind(400, "Virheellinen parametri", "Felaktig parameter", "Bad parameter"),
    "token-required": Kind(401, "Tunniste puuttuu", "Åtkomsttoken saknas", "Token required"),
    "service-not-allowed": Kind(
        403, "Palvelin ei ole sallittujen luettelossa", "Värden är inte tillåten", "Host not allowed"
    ),
    "query-refused": Kind(403, "Kysely on estetty", "Frågan är spärrad", "Query refused"),
    "not-found": Kind(404, "Ei löydy", "Hittas inte", "Not found"),
    "gone": Kind(410, "Poistettu", "Borttagen", "Gone"),
    "graph-not-found": Kind(404, "Graafia ei löydy", "Grafen hittas inte", "Graph not found"),
    "method-not-allowed": Kind(
        405, "Metodi ei ole sallittu", "Metoden är inte tillåten", "Method not allowed"
    ),
    "format-not-available": Kind(
        406, "Muotoa ei ole saatavilla", "Formatet är inte tillgängligt", "Format not available"
    ),
    "query-too-large": Kind(413, "Kysely on liian suuri", "Frågan är för stor", "Query too large"),
    "body-too-large": Kind(413, "Sisältö on liian suuri", "Innehållet är för stort", "Content too large"),
    "uri-too-long": Kind(414, "Osoite on liian pitkä", "Adressen är för lång", "Address too long"),
    "unsupported-media-type": Kind(
        415, "Mediatyyppiä ei tueta", "Medietypen stöds inte", "Unsupported media type"
    ),
    "range-not-satisfiable": Kind(416, "Osaa ei ole", "Delen finns inte", "Range not satisfiable"),
    "merge-too-large": Kind(
        422,
        "Yhdistettävät graafit ovat liian suuria",
        "Graferna är för stora att slå ihop",
        "Merge too large",
    ),
    "service-unsupported": Kind(
        422, "SERVICE-kutsua ei voi välittää", "SERVICE-anropet kan inte förmedlas", "SERVICE not supported"
    ),
    "generation-not-kept": Kind(
        422, "Versiota ei ole tallessa", "Versionen finns inte kvar", "Generation not kept"
    ),
    "base-moved": Kind(409, "Graafi on muuttunut", "Grafen har ändrats", "The graph has moved on"),
    "upload-moved": Kind(
        409, "Muutos on toinen kuin tarkistettu", "Ändringen är en annan", "The change is another"
    ),
    "upload-gone": Kind(404, "Tiedostoa ei ole tallessa", "Filen finns inte kvar", "File not kept"),
    "file-kind": Kind(415, "Tiedostomuotoa ei lueta", "Filformatet läses inte", "File type not read"),
    "file-missing": Kind(422, "Tiedosto puuttuu", "Filen saknas", "File missing"),
    "file-size": Kind(413, "Tiedoston koko ei kelpaa", "Filens storlek duger inte", "File size not accepted"),
    "nothing-chosen": Kind(422, "Mitään ei ole valittu", "Inget är valt", "Nothing chosen"),
    "reason-missing": Kind(422, "Perustelu puuttuu", "Motivering saknas", "Reason missing"),
    "proposals-gone": Kind(
        404, "Linkkiehdotusta ei ole", "Länkförslaget finns inte", "No such link proposal"
    ),
    "change-conflict": Kind(409, "Muutos on ristiriidassa", "Ändringen är i konflikt", "Conflicting change"),
    "id-reused": Kind(
        422, "Tunnus on jo käytetty toiseen", "Nyckeln har använts för annat", "Idempotency key reused"
    ),
    "name-a-graph": Kind(422, "Nimeä graafi", "Namnge en graf", "Name a graph"),
    "graph-not-writable": Kind(403, "Graafia ei voi muuttaa", "Grafen kan inte ändras", "Graph not writable"),
    "commit-not-found": Kind(404, "Muutosta ei löydy", "Ändringen finns inte", "Change not found"),
    "proposal-not-found": Kind(404, "Ehdotusta ei löydy", "Förslaget finns inte", "Proposal not found"),
    "proposal-decided": Kind(
        409, "Ehdotus on jo ratkaistu", "Förslaget är avgjort", "Proposal already decided"
    ),
    "sheet-refused": Kind(422, "Taulukossa on virheitä", "Fel i kalkylbladet", "Faults in the spreadsheet"),
    "not-allowed": Kind(403, "Ei oikeutta", "Behörighet saknas", "Not allowed"),
    "token-invalid": Kind(401, "Tunniste ei kelpaa", "Ogiltig token", "Token not valid"),
    "token-not-found": Kind(404, "Tunnistetta ei löydy", "Token finns inte", "Token not found"),
    "host-not-allowed": Kind(422, "Palvelin ei ole sallittu", "Servern är inte tillåten", "Host not allowed"),
    "fetch-failed": Kind(502, "Haku epäonnistui", "Hämtningen misslyckades", "Fetching failed"),
    "source-shrunk": Kind(502, "Lähde on huvennut", "Källan har krympt", "Source has shrunk"),
    "gate-rejected": Kind(422, "Muutos ei noudata sääntöjä", "Ändringen följer inte reglerna", "Rejected"),
    "too-many-requests": Kind(429, "Liikaa pyyntöjä", "För många förfrågningar", "Too many requests"),
    "internal": Kind(500, "Palvelimen virhe", "Serverfel", "Internal error"),
    "busy": Kind(503, "Palvelin on varattu", "Servern är upptagen", "Busy"),
    "not-ready": Kind(503, "Palvelin käynnistyy", "Servern startar", "Not ready"),
    "index-not-ready": Kind(503, "Hakua valmistellaan", "Sökningen förbereds", "Search not ready"),
    "gate-timeout": Kind(503, "Tarkistus kesti liian kauan", "Kontrollen tog för lång tid", "Gate timed out"),
    "query-memory": Kind(
        503, "Kysely vaatii liikaa muistia", "Frågan kräver för mycket minne", "Out of memory"
    ),
    "bad-project": Kind(
        503, "Hankkeen tiedostoissa on vika", "Fel i projektets filer", "Broken project files"
    ),
    "cannot-write": Kind(503, "Levylle ei voi kirjoittaa", "Disken kan inte skrivas", "Disk not writable"),
    "store-missing": Kind(503, "Tietovarasto puuttuu", "Datalagret saknas", "Store missing"),
    "store-broken": Kind(503, "Tietovarasto on rikki", "Datalagret är skadat", "Store broken"),
    "store-locked": Kind(503, "Tietovarasto on lukittu", "Datalagret är låst", "Store locked"),
    "sandbox-missing": Kind(503, "Suojaus puuttuu", "Skyddet saknas", "Sandbox missing"),
    "service-failed": Kind(
        502, "Toinen palvelin ei vastannut kelvollisesti", "Den andra servern svarade fel", "Endpoint failed"
    ),
    "service-timeout": Kind(
        504,
        "Toinen palvelin ei vastannut ajoissa",
        "Den andra servern svarade inte i tid",
        "Endpoint timed out",
    ),
    "query-timeout": Kind(504, "Kysely kesti liian kauan", "Frågan tog för lång tid", "Query timed out"),
}

#: Seconds after which a refusal with one of these codes may be tried again.
_RETRY_AFTER: Final = {
    "busy": 1,
    "not-ready": 1,
    "index-not-ready": 2,
    "gate-timeout": 30,
    "query-memory": 60,
    "store-locked": 5,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal, ready to be sent as JSON or shown on a page."""

    status: int
    code: str
    title: str
    detail: str
    lang: Language
    members: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def to_json(self, *, instance: str = "") -> bytes:
        document: dict[str, Any] = {
            "type": f"/docs#{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if instance:
            document["instance"] = instance
        return json.dumps(document | self.members, ensure_ascii=False).encode()


def problem(error: Exception, lang: Language) -> Problem:
    """What to tell the client about `error`; anything unforeseen is a 500 that gives no inner detail away."""
    if not isinstance(error, KymgraphError):
        # Of the framework's own errors only a parameter of the wrong kind is the client's doing.
        if type(error).__name__ == "RequestValidationError":
            faults: list[Any] = getattr(error, "errors", list)()  # its own text names our files
            said = "; ".join(f"{'.'.join(map(str, fault['loc'][1:]))}: {fault['msg']}" for fault in faults)
            return problem(RequestError(f"nothing was done: {said}"), lang)
        error = KymgraphError(
            "the server met a fault of its own; nothing was changed. The log has the details."
        )
    code = error.code if error.code in KINDS else "internal"
    kind = KINDS[code]
    members = {
        name: value
        for name in ("line", "column", "hint")
        if (value := getattr(error, name, None)) is not None
    }
    if isinstance(error, GateRejected) and isinstance(error.report, Report):
        members["report"] = error.report.to_dict()
    if isinstance(error, SheetRefused):
        members["faults"] = [fault.to_dict() for fault in error.faults]
    if isinstance(error, Gone):
        members["tombstone"] = error.tombstone
    if near := getattr(error, "near", None):
        members["near"] = near
    headers = dict(getattr(error, "headers", {}))
    if code == "token-invalid":
        headers["www-authenticate"] = 'Bearer realm="kymgraph", error="invalid_token"'
    retry = getattr(error, "retry_after", _RETRY_AFTER.get(code))
    if retry is not None:
        headers["retry-after"] = str(max(1, round(retry)))
    # RFC 9110: what fails a condition of the request itself is 412.
    status = 412 if isinstance(error, BaseMoved) and error.matched else kind.status
    return Problem(status, code, kind.title(lang), error.message, lang, members, headers)
