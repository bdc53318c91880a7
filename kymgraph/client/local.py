"""The calls on a store folder: a `Dataset`, with changes taken as people have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from kymgraph.access import OPERATOR
from kymgraph.changeset import Changeset
from kymgraph.client.calls import Change, Graph, Mode, check_text
from kymgraph.commit import Outcome, Request
from kymgraph.dataset import Dataset, Value, bind, whole
from kymgraph.errors import BadParameter, BaseMoved, GateRejected, InputError
from kymgraph.queries import NamedQuery, inspect
from kymgraph.rdf import FORMATS, Quad, parse
from kymgraph.report import Report

if TYPE_CHECKING:
    from kymgraph.search.index import Hit, SearchIndex

#: How often a change is made again when others commit in between.
_ATTEMPTS: Final = 50
#: How a report gets the places in the input that its results are about.
Located: TypeAlias = Callable[[Report], Report]


class Local(Dataset, Graph):
    """A graph project and its store on this machine, with a server beside it or without."""

    _index: SearchIndex | None = None

    def construct(self, text: str, /, *, at: int | None = None, **params: Value) -> list[Quad]:
        form = inspect(text, allow_service=True).form
        if form not in ("construct", "describe"):
            raise InputError(f"construct() gives triples; {form.upper()} gives rows", hint="use query()")
        bindings = bind(text, params, self.project.base)

        async def asked() -> bytes:
            return await whole(await self.answer(text, format="nt", bindings=bindings, at=at))

        return parse(self.loop.run(asked()), FORMATS["nt"], name="answer")

    def named_queries(self) -> list[NamedQuery]:
        return [NamedQuery.load(file) for file in self.project.query_files()]

    def search(self, text: str, *, lang: str = "fi", limit: int = 20) -> Sequence[Hit]:
        from kymgraph.search.index import SearchIndex

        if self._index is None:
            self._index = SearchIndex(self.project, self.store.folder / "search")
        self._index.bring_to(self)
        found = self._index.search(text, lang=lang, limit=limit, facets=False)
        return found.hits

    def check(
        self, change: Change, *, reason: str = "", graph: str | None = None, mode: Mode = "add"
    ) -> Outcome:
        request, located = self._request(change, reason, graph, mode, None)
        outcome = super().check(request)
        return replace(outcome, report=located(outcome.report))

    def commit(
        self,
        change: Change,
        *,
        reason: str = "",
        graph: str | None = None,
        mode: Mode = "add",
        id: str | None = None,
        token: str | None = None,
    ) -> Outcome:
        if isinstance(change, Request):
            return super().commit(change)
        with self.turn() as turn:
            for attempt in range(_ATTEMPTS):
                request, located = self._request(change, reason, graph, mode, id)
                if not request.change.reason.strip():
                    raise BadParameter(
                        "nothing was written: the reason is empty", hint="say in one sentence why: reason=…"
                    )
                try:
                    outcome = turn.commit(request)
                except BaseMoved:  # what was read has changed meanwhile: read again
                    if isinstance(change, Changeset) or attempt == _ATTEMPTS - 1:
                        raise
                except GateRejected as error:
                    if isinstance(error.report, Report):
                        error.report = located(error.report)
                    raise
                else:
                    return replace(outcome, report=located(outcome.report))
        raise AssertionError("the last attempt returns or raises")

    def _request(
        self, given: Change, reason: str, graph: str | None, mode: Mode, id: str | None
    ) -> tuple[Request, Located]:
        if isinstance(given, Request):
            return given, _as_it_is
        located: Located = _as_it_is
        if isinstance(given, Changeset):
            change = given
        elif isinstance(given, Path):
            change, located = self._of_file(given, graph, mode)
        else:
            from kymgraph.intake import from_update

            check_text(given)
            change = self.loop.run(from_update(self, given))
        change = replace(
            change,
            reason=reason or change.reason,
            agent=change.agent or self.project.base.id("agent", OPERATOR),
            id=id or change.id,
        )
        return Request(change), located

    def _of_file(self, path: Path, graph: str | None, mode: Mode) -> tuple[Changeset, Located]:
        from kymgraph.gate.locate import Locator
        from kymgraph.intake import from_file

        if not path.is_file():
            raise InputError(f"{path} is no file; nothing was changed", hint="look at the spelling")
        made = from_file(path, dataset=self, graph=graph, mode=mode, **self.pool_options)
        if isinstance(made, Changeset):
            return made, Locator.of([(str(path), path, None)]).located
        return made.change, made.located

    def close(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
        super().close()


def _as_it_is(report: Report) -> Report:
    return report
