"""The calls over HTTP: on a kymgraph server all of them, on any other SPARQL endpoint the questions.

Everything goes through `kymgraph.net`: opening a URL allows requests to its host and port, and to no others,
so no redirect leads elsewhere. SPARQLWrapper is not used here: it goes through urllib, which follows
redirects to any host, takes proxies from the environment, and knows a time-out for each wait but none for
the whole; and what the protocol asks of a client is one request.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit

from kymgraph import net, results
from kymgraph.changeset import Changeset, from_patch, new_id
from kymgraph.client.calls import At, Change, Graph, Mode, Proposed, form_of, refuse_graph_query
from kymgraph.client.problems import error_of, plain, report_of, shown
from kymgraph.client.wire import PATCH, about, body_of, change_of, entry_of, reason_of
from kymgraph.commit import Outcome
from kymgraph.dataset import Value, bind
from kymgraph.errors import (
    BadParameter,
    FetchFailed,
    HostNotAllowed,
    InputError,
    TokenInvalid,
)
from kymgraph.namespaces import Base
from kymgraph.queries import NamedQuery, substitute
from kymgraph.rdf import Quad, format_for, parse
from kymgraph.results import Rows
from kymgraph.store.journal import Entry

if TYPE_CHECKING:
    from kymgraph.search.index import Hit

#: Seconds for one request, and for finding out what is at a URL.
TIMEOUT: Final = 60.0
_LOOK: Final = 10.0
#: Bytes of one answer.
LIMIT: Final = 200_000_000
#: Longest address that a question is asked with; longer ones go into a body.
_LONGEST_URL: Final = 2_000
#: What a host is made of: a name (of any language), or an address; never what would end a URL or a header.
_HOST: Final = re.compile(r"[\w.:-]+")
#: Commits on one page.
_PAGE: Final = 1_000
_ROWS: Final = "application/sparql-results+json"
_TRIPLES: Final = "application/n-triples, text/turtle;q=0.8, application/rdf+xml;q=0.5"


class Remote(Graph):
    """What answers at a URL: a kymgraph server (its first page, or its `/sparql`), or a SPARQL endpoint.

    `token` goes to that server with every request. `timeout` is in seconds for one request as a whole.
    A host name that leads to a private address is asked only if that address is in `allow`, as `ip:port`.

    Raises InputError for what is no URL, HostNotAllowed, and FetchFailed where nothing answers SPARQL.
    """

    def __init__(
        self, url: str, *, token: str | None = None, timeout: float = TIMEOUT, allow: Iterable[str] = ()
    ) -> None:
        parts = _parts(url)
        self._token, self._timeout = token, timeout
        self._client = net.Client(_allowed(url, allow), timeout=timeout, limit=LIMIT)
        path = parts.path.rstrip("/")
        root = parts._replace(path=path.removesuffix("/sparql") + "/", query="", fragment="").geturl()
        self._root: str | None = root  #: of a kymgraph server
        self._endpoint = urljoin(root, "sparql")
        self._written = 0  # the newest commit of our own: what we read is no older
        #: What the server's IRIs begin with; of another endpoint that is not known.
        self.base = Base()
        if not self._is_kymgraph(root):
            self._root = None
            self._endpoint = parts._replace(fragment="").geturl()
            self.ask("ASK {}")  # raises if this is no endpoint

    @property
    def url(self) -> str:
        """Where SPARQL is asked."""
        return self._endpoint

    @property
    def is_kymgraph(self) -> bool:
        """Whether this is a kymgraph server, which answers more than SPARQL."""
        return self._root is not None

    def _is_kymgraph(self, root: str) -> bool:
        try:
            answer = self._client.get(
                urljoin(root, "health"), timeout=min(_LOOK, self._timeout), any_status=True, redirects=0
            )
            said = json.loads(answer.body) if answer.status == 200 else {}
        except (ValueError, FetchFailed):
            return False
        except HostNotAllowed as error:
            raise _allowing(error) from None
        if not isinstance(said, dict) or not {"generation", "sandbox"} <= said.keys():
            return False
        with contextlib.suppress(ValueError, KeyError):
            self.base = Base(str(said["base"]))
        return True

    # -- reading

    @property
    def generation(self) -> int:
        return int(self._json("health", need="generations")["generation"])

    def query(self, text: str, /, *, at: At | None = None, **params: Value) -> Rows:
        refuse_graph_query(text)
        answer = self.answer(text, _ROWS, at=at, bindings=bind(text, params, self.base))
        try:
            return results.rows(answer.body, foreign=True)
        except ValueError as error:
            raise FetchFailed(
                f"{shown(self._endpoint)} answered {answer.media_type or 'something'}, which is no "
                f"answer in SPARQL JSON ({plain(error)})",
                hint="is this the address of a SPARQL endpoint?",
            ) from None

    def construct(self, text: str, /, *, at: At | None = None, **params: Value) -> list[Quad]:
        form = form_of(text)
        if form in ("select", "ask"):
            raise InputError(f"construct() gives triples; {form.upper()} gives rows", hint="use query()")
        answer = self.answer(text, _TRIPLES, at=at, bindings=bind(text, params, self.base))
        try:
            known = format_for(answer.media_type or "nothing")
        except InputError:
            raise FetchFailed(
                f"{shown(self._endpoint)} answered {answer.media_type or 'something'}, which is no RDF"
            ) from None
        return parse(answer.body, known, base=self._endpoint, name="answer")

    def answer(
        self,
        text: str,
        accept: str,
        *,
        at: At | None = None,
        bindings: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> net.Response:
        """The answer to a query in a format, as it came; `timeout` in seconds goes before the graph's own.

        Raises what `query` raises.
        """
        asked = [("query", substitute(text, bindings or {}))]
        if at is not None:
            self._needed("earlier states")
            asked.append(("at", str(at)))
        if timeout is not None and self.is_kymgraph:
            asked.append(("timeout", f"{timeout:g}"))
        headers = {"accept": accept}
        if self._written:
            headers["kymgraph-min-generation"] = str(self._written)
        form = urlencode(asked)
        url = f"{self._endpoint}{'&' if urlsplit(self._endpoint).query else '?'}{form}"
        # The server's own limit is told as such; ours comes a little later.
        wait = None if timeout is None else timeout + 5
        if len(url) <= _LONGEST_URL:
            return self._send("GET", url, headers=headers, timeout=wait)
        headers["content-type"] = "application/x-www-form-urlencoded"
        return self._send("POST", self._endpoint, headers=headers, body=form.encode(), timeout=wait)

    def named_queries(self) -> list[NamedQuery]:
        listed = self._json("examples", need="named questions")
        return [NamedQuery.parse(str(one.get("source") or one["query"]), str(one["name"])) for one in listed]

    def search(self, text: str, *, lang: str = "fi", limit: int = 20) -> Sequence[Hit]:
        self._needed("search")
        from kymgraph.search.index import Hit

        found = self._json("search", {"q": text, "lang": lang, "limit": str(limit)}, need="search")
        return [
            Hit(
                iri=one["iri"],
                score=float(one["score"]),
                types=tuple(one["types"]),
                labels=dict(one["labels"]),
                description=dict(one["description"]),
                highlight=one["highlight"],
                matched=one["matched"],
                marks=tuple((first, last) for first, last in one.get("marks", ())),
            )
            for one in found["hits"]
        ]

    def history(self, *, after: int = 0, until: int | None = None) -> list[Entry]:
        entries: list[Entry] = []
        before = None if until is None else until + 1
        while True:
            page = {"limit": str(_PAGE)} | ({} if before is None else {"before": str(before)})
            listed = self._json("changes", page, need="history")["changes"]
            entries += [entry_of(one) for one in listed if one["number"] > after]
            if len(listed) < _PAGE or listed[-1]["number"] <= max(after + 1, 2):
                return entries
            before = listed[-1]["number"]

    def changeset(self, number: int) -> Changeset:
        """What one commit changed. Raises CommitNotFound."""
        url = urljoin(self._needed("history"), f"changes/{number}")
        return from_patch(self._send("GET", url, headers={"accept": PATCH}).body, name=f"commit {number}")

    # -- changes

    def check(
        self, change: Change, *, reason: str = "", graph: str | None = None, mode: Mode = "add"
    ) -> Outcome:
        body, headers = body_of(change)
        asked = {"reason": reason or reason_of(change)} | about(graph, mode)
        url = urljoin(self._needed("checking a change"), "validate")
        # Without these, RDF would be judged by itself and not as a change.
        said = self._write(url, asked | {"mode": mode}, body, headers)
        return Outcome("checked", said["generation"], change_of(said), report_of(said["report"]))

    def commit(
        self,
        change: Change,
        *,
        reason: str = "",
        graph: str | None = None,
        mode: Mode = "add",
        id: str | None = None,
        token: str | None = None,
    ) -> Outcome | Proposed:
        token = token or self._token
        url = urljoin(self._needed("writing"), "changes")
        if token is None:
            raise TokenInvalid(
                "nothing was written: the server wants a token",
                hint="give it with token=…; `kymgraph token create` makes one where the server runs",
            )
        reason = reason or reason_of(change)
        if not reason.strip():
            raise BadParameter(
                "nothing was written: the reason is empty", hint="say in one sentence why: reason=…"
            )
        body, headers = body_of(change)
        key = id or (change.id if isinstance(change, Changeset) else new_id())
        headers |= {"idempotency-key": key, "authorization": f"Bearer {token}"}
        try:
            said = self._write(url, {"reason": reason} | about(graph, mode), body, headers)
        except FetchFailed as error:
            raise FetchFailed(
                error.message, hint=f"whether it was written is not known; the same with id={key!r} is safe"
            ) from None
        if "proposal" in said:
            return Proposed(
                said["id"],
                urljoin(url, "proposals/" + said["id"]),
                said["base"],
                report_of(said["report"]),
            )
        number = int(said["generation"])
        self._written = max(self._written, number)
        done = self.changeset(number) if said["status"] != "unchanged" else Changeset(number, id=key)
        return Outcome(said["status"], number, done, report_of(said.get("report", {})))

    def _write(
        self, url: str, asked: Mapping[str, str], body: bytes, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        given = {name: value for name, value in asked.items() if value}
        url += "?" + urlencode(given) if given else ""
        answer = self._send("POST", url, headers={"accept": "application/json", **headers}, body=body)
        said: dict[str, Any] = _object(answer)
        return said

    # -- requests

    def _needed(self, what: str) -> str:
        """The first page of the kymgraph server. Raises InputError if this is none."""
        if self._root is None:
            raise InputError(
                f"{shown(self._endpoint)} is a SPARQL endpoint without {what}; nothing was done",
                hint="that is for a kymgraph server or a store folder; query() and construct() work here",
            )
        return self._root

    def _json(self, path: str, asked: Mapping[str, str] | None = None, *, need: str) -> Any:
        url = urljoin(self._needed(need), path) + ("?" + urlencode(asked) if asked else "")
        return _object(self._send("GET", url, headers={"accept": "application/json"}))

    def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> net.Response:
        sent = {"accept-language": "en", **headers}
        if self._token is not None:
            sent.setdefault("authorization", f"Bearer {self._token}")
        try:
            # A redirect of a POST would become a GET, which writes nothing and seems to go well.
            answer = self._client.request(
                method,
                url,
                headers=sent,
                body=body,
                timeout=timeout,
                redirects=net.REDIRECTS if method == "GET" else 0,
                any_status=True,
            )
        except HostNotAllowed as error:
            raise _allowing(error) from None
        if not 200 <= answer.status < 300:
            raise error_of(answer, shown(url))
        return answer

    def close(self) -> None:
        """Nothing is held between requests."""


def _parts(url: str) -> SplitResult:
    """The parts of a URL that a server can have. Raises InputError."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises for one that there cannot be
        if (
            port != 0
            and parts.scheme.lower() in ("http", "https")
            and _HOST.fullmatch(parts.hostname or "")
            and parts.username is None
        ):
            return parts
    except ValueError:
        pass
    raise InputError(
        f"{shown(url)} is not the URL of a server; nothing was asked",
        hint="write for example http://127.0.0.1:8000, and give a token with token=…",
    )


def _allowed(url: str, allow: Iterable[str]) -> list[str]:
    """What may be asked: the host and port of the URL, and what the caller lists.

    >>> _allowed("https://graph.example/x", ["10.0.0.5:443"])
    ['graph.example:443', '10.0.0.5:443']
    >>> _allowed("http://localhost:8000", [])
    ['localhost:8000', '127.0.0.1:8000', '[::1]:8000']
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}[parts.scheme.lower()]
    host = parts.hostname or ""
    named = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    # The one name that by its standard (RFC 6761) can lead nowhere else.
    here = [f"127.0.0.1:{port}", f"[::1]:{port}"] if host == "localhost" else []
    return [named, *here, *allow]


def _allowing(error: HostNotAllowed) -> HostNotAllowed:
    """The same refusal with the way out that there is here."""
    return HostNotAllowed(
        error.message,
        hint="only the host and port of the URL itself are asked: open the address that it leads to, or list "
        "a private one with allow=['ip:port']",
    )


def _object(answer: net.Response) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        raise FetchFailed(
            f"{shown(answer.url)} answered {answer.media_type or 'something'} where JSON was expected"
        ) from None
