"""`kymgraph link`: links to what others hold. Proposals come from rules, decisions from people alone."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kymgraph.cli import changes
from kymgraph.cli import link_parts as parts
from kymgraph.cli import link_review as reviewing
from kymgraph.cli.common import Context, note, result

if TYPE_CHECKING:
    pass

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Link places, themes, organisations and funds to the vocabularies of others, with review.",
)

To = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="yso|yso-paikat|wikidata|eu-themes|FILE",
        help="The other vocabulary: a service, or a SKOS file or a table (.tsv; columns: docs/linking.md).",
    ),
]
Type = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="place|theme|organisation|fund", help="Only these. Default: all four."),
]
Only = Annotated[
    list[str] | None, typer.Option("--subject", metavar="IRI|KIND/SLUG", help="Only these things of ours.")
]
Limit = Annotated[int, typer.Option(min=1, max=20, help="Proposals for each thing.")]
Url = Annotated[str, typer.Option("--url", help="Where the service is, if not at its usual address.")]
FintoUrl = Annotated[
    str,
    typer.Option("--finto-url", help="With --to wikidata: where Finto is asked what YSO places links to."),
]
Via = Annotated[
    Path | None,
    typer.Option(
        help="With --to wikidata: an RDF file of links from YSO places, read instead of asking Finto."
    ),
]
Iri = Annotated[str, typer.Option("--vocabulary", metavar="IRI", help="What FILE is, if it does not say.")]
Release = Annotated[str, typer.Option(help="Release of the vocabulary, if FILE does not say.")]
Agent = Annotated[str | None, typer.Option(metavar="IRI", help="Who decides. Default: the operator.")]
Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="A thing of ours: its IRI, or place/iitti.")]
Object = Annotated[str, typer.Argument(metavar="OBJECT", help="The IRI of the concept of the others.")]
Predicate = Annotated[
    str,
    typer.Option(
        metavar="exact|close|broad|narrow",
        help="What the concept is to ours: the same, nearly the same, wider, narrower.",
    ),
]
Why = Annotated[
    str,
    typer.Option(
        "--reason",
        help="Why, in one sentence; it stands in the graph, in the language of --lang, or TEXT@fi.",
    ),
]
Label = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="TEXT@LANG", help="The concept's name, if --to does not tell it."),
]
LookedUp = Annotated[
    str, typer.Option("--to", help="Where the concept's name and release are looked up; as in suggest.")
]
Confidence = Annotated[
    str | None, typer.Option(metavar="0…1", help="How sure the decision is. Default: it is not said.")
]
Format = Annotated[str, typer.Option("--format", help="text, json or tsv.")]
ChangeFormat = Annotated[str, typer.Option("--format", help="How the change is shown: text, json or patch.")]


@app.command()
def suggest(
    ctx: typer.Context,
    to: To,
    type: Type = None,
    subject: Only = None,
    limit: Limit = 3,
    format: Format = "text",
    url: Url = "",
    finto_url: FintoUrl = "",
    via: Via = None,
    vocabulary: Iri = "",
    release: Release = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the proposals for the portal's link desk, /edit/links.")
    ] = False,
) -> None:
    """Propose links, with a score and reasons that can be checked. Nothing is written to the graph.

    Pairs that somebody has decided on, either way, are not proposed again.

    kymgraph link suggest --to yso-paikat --type place
    """
    _check_format(format, ("text", "json", "tsv"))
    context: Context = ctx.obj
    with parts.opened(context) as dataset:
        theirs = parts.named_vocabulary(context, dataset, to, url, finto_url, via, vocabulary, release)
        found = parts.suggestions(dataset, theirs, type, subject, limit)
        kept_now = parts.keep(dataset, to, found) if keep else None
    if kept_now is not None:
        note(reviewing.SAID[context.lang]["kept"].format(n=kept_now))
        return
    if format == "json":
        result(json.dumps([one.to_dict(context.lang) for one in found], ensure_ascii=False, indent=2) + "\n")
        return
    result(reviewing.tsv(found, context.lang) if format == "tsv" else reviewing.text(found, context.lang))
    said = reviewing.SAID[context.lang]
    note(said["some"].format(n=len(found), to=to) if found else said["none"])


@app.command()
def review(
    ctx: typer.Context,
    to: To,
    type: Type = None,
    subject: Only = None,
    limit: Limit = 3,
    agent: Agent = None,
    url: Url = "",
    finto_url: FintoUrl = "",
    via: Via = None,
    vocabulary: Iri = "",
    release: Release = "",
) -> None:
    """Go through proposals one at a time and decide. Each decision is a commit; stop and go on whenever.

    kymgraph link review --to yso --type theme
    """
    from kymgraph.errors import InputError

    if not sys.stdin.isatty():
        raise InputError(
            "a review asks a person at a terminal, and this is none; nothing was decided",
            hint="list proposals with `kymgraph link suggest --to … --format tsv`, and decide with "
            "`kymgraph link accept SUBJECT OBJECT --predicate … --reason …` or `kymgraph link decline …`",
        )
    context: Context = ctx.obj
    if agent is not None:
        changes.check_about("-", agent)
    said = reviewing.SAID[context.lang]
    with parts.opened(context) as dataset:
        theirs = parts.named_vocabulary(context, dataset, to, url, finto_url, via, vocabulary, release)
        found = parts.suggestions(dataset, theirs, type, subject, limit)
        decided = 0
        for number, one in enumerate(found, 1):
            note(f"\n{number}/{len(found)}\n{reviewing.shown(one, context.lang)}\n{said['keys']}")
            try:
                made = reviewing.answered(context, one, agent)
            except EOFError:
                made = "quit"
            if made == "quit":
                note(said["left"])
                return
            if not isinstance(made, str):
                parts.decide(context, dataset, made, "text", quiet=True)
                decided += 1
    note(said["end"].format(n=decided) if found else said["none"])


@app.command()
def accept(
    ctx: typer.Context,
    subject: Subject,
    object: Object,
    predicate: Predicate,
    reason: Why,
    to: LookedUp = "",
    label: Label = None,
    vocabulary: Iri = "",
    release: Release = "",
    confidence: Confidence = None,
    agent: Agent = None,
    url: Url = "",
    format: ChangeFormat = "text",
) -> None:
    """Accept a link, with a reason; it takes the place of what was decided about the pair before.

    kymgraph link accept place/iitti http://www.yso.fi/onto/yso/p94151 --predicate exact --to yso-paikat
    --reason "Sama kunta."
    """
    _command(
        ctx.obj,
        subject,
        object,
        predicate,
        reason,
        to,
        label,
        vocabulary,
        release,
        confidence,
        agent,
        url,
        format,
        True,
    )


@app.command()
def decline(
    ctx: typer.Context,
    subject: Subject,
    object: Object,
    reason: Why,
    predicate: Predicate = "exact",
    to: LookedUp = "",
    label: Label = None,
    vocabulary: Iri = "",
    release: Release = "",
    confidence: Confidence = None,
    agent: Agent = None,
    url: Url = "",
    format: ChangeFormat = "text",
) -> None:
    """Decline a link, with a reason: the pair is not proposed again, and a link that stood is taken away.

    kymgraph link decline place/iitti http://a.example/village --label "Iitti@fi" --reason "Kylä, ei kunta."
    """
    _command(
        ctx.obj,
        subject,
        object,
        predicate,
        reason,
        to,
        label,
        vocabulary,
        release,
        confidence,
        agent,
        url,
        format,
        False,
    )


@app.command()
def check(
    ctx: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            metavar="yso|yso-paikat|wikidata|FILE", help="Compare links into it with what it says now."
        ),
    ] = "",
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
    url: Url = "",
    vocabulary: Iri = "",
) -> None:
    """Look at decisions again: things that are gone, renamed or replaced, and links that contradict.

    Exit status 1: something was found.

    kymgraph link check --to yso-paikat
    """
    from kymgraph.linking import check as checking
    from kymgraph.linking import decisions
    from kymgraph.linking.entities import Ours

    _check_format(format, ("text", "json"))
    context: Context = ctx.obj
    with parts.opened(context) as dataset:
        view, project = dataset.view(), dataset.project
        made = decisions.read(view, project)
        found = list(checking.own_side(made, Ours(view), project))
        if to:
            theirs = parts.named_vocabulary(
                context, dataset, to, url, "", None, vocabulary, "", asks_only=True
            )
            found += checking.against(made, theirs)
    if format == "json":
        result(json.dumps([one.to_dict(context.lang) for one in found], ensure_ascii=False, indent=2) + "\n")
    else:
        for one in found:
            short = one.decision.subject.removeprefix(context.project.base.ids)
            result(f"{short}  {one.decision.word}  {one.decision.object}  {one.decision.label}\n")
            result(f"    {one.text(context.lang)}\n")
        said = reviewing.SAID[context.lang]
        note(said["found"].format(n=len(found)) if found else said["sound"].format(n=len(made)))
    if found:
        raise typer.Exit(1)


@app.command()
def export(ctx: typer.Context) -> None:
    """Write all decisions as SSSOM/TSV, declined ones too, to standard output.

    kymgraph link export > kymgraph.sssom.tsv
    """
    from kymgraph.linking import decisions, sssom
    from kymgraph.linking.entities import Ours

    context: Context = ctx.obj
    with parts.opened(context) as dataset:
        view, project = dataset.view(), dataset.project
        made = decisions.read(view, project)
        named = {one.iri: one.names for one in Ours(view).of()}
    result(sssom.to_tsv(made, named, project))


def _check_format(format: str, known: Iterable[str]) -> None:
    from kymgraph.errors import BadParameter

    if format not in known:
        raise BadParameter(f"--format is {format!r}; it is a text, one of {', '.join(known)}")


def _command(
    context: Context,
    subject: str,
    object: str,
    predicate: str,
    reason: str,
    to: str,
    label: list[str] | None,
    vocabulary: str,
    release: str,
    confidence: str | None,
    agent: str | None,
    url: str,
    format: str,
    accepted: bool,
) -> None:
    from kymgraph.linking import decisions, kept
    from kymgraph.linking.decisions import Decision, Text
    from kymgraph.linking.entities import Ours

    changes.check_format(format)
    changes.check_about(reason, agent, object, vocabulary or None)
    iri = decisions.predicate_of(predicate)
    sure = parts.number(confidence)
    with parts.opened(context) as dataset:
        entity = parts.entity(Ours(dataset.view()), dataset.project.base.ids, subject)
        entry = parts.entry(context, dataset, to, url, object, vocabulary, release) if to else None
        labels = tuple(sorted({Text.of(one) for one in label or ()})) or (entry.names if entry else ())
        decision = Decision(
            subject=entity.iri,
            predicate=iri,
            object=object,
            accepted=accepted,
            labels=parts.told(labels),
            vocabulary=(entry.vocabulary if entry else "") or vocabulary or kept.namespace(object),
            reviewer=agent or parts.operator(context),
            decided_on=decisions.today(),
            reasons=(parts.in_language(reason, context.lang),),
            release=(entry.release if entry else "") or release,
            confidence=sure,
            valid_from=entry.valid_from if entry else "",
            valid_until=entry.valid_until if entry else "",
        )
        parts.decide(context, dataset, decision, format)
