"""Files into the store: what was edited is merged with what was committed, judged as a whole, written once.

Ontology and shapes come in this way only. When shapes change, all data is judged by them before anything is
written; so the whole merged state is, always.
"""

from __future__ import annotations

from dataclasses import replace

from kymgraph import files, writer
from kymgraph.commit import Outcome, Request
from kymgraph.dataset import Progress
from kymgraph.errors import ChangeConflict, GateRejected, ProjectError
from kymgraph.merge import Conflict, merge
from kymgraph.project import LEDGER_GRAPH, Project
from kymgraph.rdf import NamedNode, Quad, skolemise
from kymgraph.report import Report
from kymgraph.store import recorded
from kymgraph.store.embedded import EmbeddedStore

#: Conflicts that a message lists.
_SHOWN = 20


def import_files(
    project: Project,
    store: EmbeddedStore,
    *,
    reason: str = "",
    agent: str = "",
    dry_run: bool = False,
    progress: Progress = lambda step, done, of: None,
) -> Outcome | None:
    """Merge the project's files into the store as one commit; None if no file has changed.

    Raises ChangeConflict where files and commits changed the same field, GateRejected with the report,
    RdfSyntaxError, ProjectError, and what committing raises. Nothing was written then.
    """
    names = files.changed(store.manifest.files, files.digests(project))
    if not names:
        return None
    paths = project.rdf_files()
    count = iter(range(len(paths)))
    read = files.read(project, progress=lambda path: progress("reading", next(count), len(paths)))
    edited = list(read.quads())
    if project.blank_nodes == "skolem":
        edited = skolemise(edited, project.base)
    base = recorded.read(store.folder)
    if base is None:
        raise ProjectError(
            "this store does not know what the files held when it was built; nothing was written",
            hint="build it again with `kymgraph build --discard-history`, or export it first",
        )
    progress("merging", 0, 1)
    view = store.view()
    now = list(view.quads())
    merged = merge(base, edited, now, generation=view.generation)
    if merged.conflicts:
        raise _conflict(project, merged.conflicts)
    ledger = NamedNode(project.base.graph(LEDGER_GRAPH))
    change = replace(merged.change, reason=reason or f"Files changed: {', '.join(names[:10])}", agent=agent)
    after = (set(now) - change.removed) | change.added
    progress("checking", 0, 1)
    report = _judged({quad for quad in after if quad.graph_name != ledger}, project)
    if dry_run:
        return Outcome("checked", view.generation, change, report)
    if not report.accepted:
        raise GateRejected(report, "nothing was written: with these files the graph would break its shapes")
    progress("writing", 0, 1)
    if change.empty:  # the files say the same in other words
        outcome = Outcome("unchanged", view.generation, change, report)
    else:
        request = Request(change, kind="import", more={"files": dict(read.digests)}, judged=True)
        outcome = replace(writer.commit(project, store, request), report=report)
    store.record_files(read.digests, edited)
    recorded.keep_rules(store.folder, project)
    return outcome


def _judged(quads: set[Quad], project: Project) -> Report:
    from kymgraph.gate import full

    return full.validate(quads, project)


def _conflict(project: Project, conflicts: tuple[Conflict, ...]) -> ChangeConflict:
    def line(conflict: Conflict) -> str:
        graph = project.base.graph_name(conflict.graph) or conflict.graph
        files_, store = (", ".join(map(str, side)) or "nothing" for side in (conflict.files, conflict.store))
        return f"{graph}: {conflict.subject} {conflict.predicate}: the files say {files_}, the store {store}"

    lines = [f"  {line(conflict)}" for conflict in conflicts[:_SHOWN]]
    if len(conflicts) > _SHOWN:
        lines.append(f"  … and {len(conflicts) - _SHOWN} more")
    return ChangeConflict(
        f"nothing was written: files and commits changed {len(conflicts)} field(s) in different ways\n"
        + "\n".join(lines),
        hint="write the store's values into the files (or the other way round with `kymgraph apply`), "
        "then import again",
    )
