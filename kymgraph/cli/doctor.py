"""`kymgraph doctor`: is everything in place, and what to do where it is not."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli.common import Context, result

if TYPE_CHECKING:
    from kymgraph.store.embedded import Finding


def command(
    ctx: typer.Context,
    deep: Annotated[
        bool, typer.Option("--deep", help="Also read every quad, and compare the union with the graphs.")
    ] = False,
    format: Annotated[str, typer.Option(metavar="text|json")] = "text",
) -> None:
    """Check store, pointer, journal, versions, sandbox and files; say what to do about each fault.

    Ends with status 1 if there is a fault; warnings alone leave it at 0.

    kymgraph doctor --deep
    """
    from kymgraph.errors import InputError

    if format not in ("text", "json"):
        raise InputError(f"no doctor's report in format {format!r}; there are text and json")
    findings = examine(ctx.obj, deep=deep)
    if format == "json":
        result(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False) + "\n")
    else:
        signs = {"ok": "ok     ", "warning": "warning", "fault": "FAULT  "}
        for finding in findings:
            result(f"{signs[finding.level]}  {finding.what}\n")
            if finding.fix:
                result(f"         {finding.fix}\n")
    raise typer.Exit(any(finding.level == "fault" for finding in findings))


def examine(context: Context, *, deep: bool) -> list[Finding]:
    """Everything that can be said about this installation, project and store."""
    findings = context.store.doctor(deep=deep)
    if not any(finding.level == "fault" for finding in findings):
        findings += [_queries(context), *_files(context)]
    return findings + _settings()


def _settings() -> list[Finding]:
    """Variables that look like settings and are none: a misspelt one changes nothing, silently."""
    from kymgraph.settings import PREFIX, Settings
    from kymgraph.store.embedded import Finding

    others = {PREFIX + name for name in ("TEST", "SHARED", "REQUIRE", "TOKEN")}
    known = {row[0] for row in Settings.describe()} | others
    return [
        Finding(
            "warning", f"{name} is set, but there is no such setting", "see docs/settings.md, or unset it"
        )
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    ]


def _queries(context: Context) -> Finding:
    """Try it: start a worker that may not run unless it is shut off from the network, and ask it."""
    import asyncio

    from kymgraph.dataset import Dataset
    from kymgraph.errors import KymgraphError, SandboxMissing
    from kymgraph.store.embedded import Finding

    async def ask() -> None:
        dataset = Dataset(context.project, context.store, fast=1, slow=1, spare=0, sandbox="require")
        try:
            await dataset.answer("ASK {}")
        finally:
            await dataset.aclose()

    try:
        asyncio.run(ask())
    except SandboxMissing:
        if context.settings.sandbox == "token-check":
            return Finding(
                "warning",
                "query workers are not kept off the network, as KYMGRAPH_SANDBOX=token-check accepts",
                "serve readers whom you do not trust from a Linux with seccomp",
            )
        return Finding(
            "fault",
            "this machine cannot keep query workers off the network, so none will start",
            "run on a Linux with seccomp, or accept it with KYMGRAPH_SANDBOX=token-check",
        )
    except KymgraphError as error:
        return Finding("fault", f"a query was not answered: {error.message}", error.hint)
    return Finding("ok", "a query was answered by a worker that is kept off the network")


def _files(context: Context) -> list[Finding]:
    from kymgraph import files
    from kymgraph.store.embedded import Finding

    recorded = context.store.manifest.files
    changed = files.changed(recorded, files.digests(context.project))
    if not changed:
        return [Finding("ok", f"the {len(recorded)} files are those the store was built from")]
    takes = "import" if context.store.has_commits else "build"
    return [
        Finding(
            "warning",
            f"{len(changed)} file(s) differ from what the store was built from: {', '.join(changed)}",
            f"`kymgraph {takes}` takes them in; `kymgraph export --force` gives up changes to data files",
        )
    ]
