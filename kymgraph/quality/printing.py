"""A catalogue's check as people read it and as programs do."""

from __future__ import annotations

import json
from typing import Any, Final

from kymgraph.quality.check import Check
from kymgraph.quality.metrics import DIMENSIONS, METRICS, MOST, Metric, Score, rating
from kymgraph.quality.texts import LANGUAGES, mend, name, text
from kymgraph.quality.urls import Asked
from kymgraph.rdf import NamedNode, Term
from kymgraph.report import Result, local_name

#: Datasets with lost points, results of one kind and addresses that are listed in a text; JSON has all.
LISTED: Final = 50
_WIDTH: Final = 44


def to_text(check: Check, lang: str) -> str:
    """The check for people: the prediction, each metric, each dataset that loses points, what to mend."""
    lines = [
        text(
            "found",
            lang,
            name=_plain(check.name),
            datasets=len(check.scores),
            distributions=sum(score.distributions for score in check.scores),
            pages=check.pages,
        )
    ]
    if not check.scores:
        lines.append(text("none", lang))
    else:
        lines += [_prediction(check.points, check.possible, lang), "", *_metrics(check, lang)]
        lines += ["", f"{text('datasets', lang)}:", *_datasets(check, lang)]
    lines += ["", *_shapes(check, lang), *_urls(check, lang)]
    if check.notes:
        lines += ["", f"{text('notes', lang)}:"]
        lines += [f"  {_plain(text(key, lang, **values))}" for key, values in check.notes]
    return "\n".join(lines)


def _prediction(points: float, possible: float, lang: str) -> str:
    if points == possible:
        return text("predicted", lang, points=_number(points), most=MOST, rating=text(rating(points), lang))
    return text(
        "predicted.upto",
        lang,
        possible=_number(possible),
        most=MOST,
        rating=text(rating(possible), lang),
        points=_number(points),
    )


def _metrics(check: Check, lang: str) -> list[str]:
    lines = [f"{text('metrics', lang)}:"]
    for dimension in DIMENSIONS:
        group = [metric for metric in METRICS if metric.dimension == dimension]
        sum_ = sum(_mean(check, metric) for metric in group)
        of = sum(metric.points for metric in group)
        lines.append(f"  {text(dimension, lang):<{_WIDTH + 2}} {_number(sum_):>6} / {of}")
        for metric in group:
            lost = sum(score.states[metric.id] is False for score in check.scores)
            unknown = sum(score.states[metric.id] is None for score in check.scores)
            about = [
                text(key, lang, n=n, of=len(check.scores))
                for key, n in (("lost", lost), ("unchecked.n", unknown))
                if n
            ]
            got = _number(_mean(check, metric))
            line = f"    {name(metric.id, lang):<{_WIDTH}} {got:>6} / {metric.points:<4}"
            lines.append(f"{line} {'; '.join(about)}".rstrip())
            if lost:
                lines.append(f"      → {mend(metric.id, lang)}")
    return lines


def _datasets(check: Check, lang: str) -> list[str]:
    lines: list[str] = []
    worst_first = sorted(check.scores, key=lambda score: (score.possible, score.points, str(score.dataset)))
    if len(worst_first) > LISTED:
        lines.append(f"  {text('more', lang, n=len(worst_first) - LISTED)}")
    for score in worst_first[:LISTED]:
        title = f"{_plain(score.title)}  " if score.title else ""
        lines += [
            f"  {title}{_term(score.dataset)}",
            f"    {_prediction(score.points, score.possible, lang)}",
        ]
        if not score.distributions:
            lines.append(f"    {text('no.distribution', lang)}")
        lines += [
            f"    {-metric.points:>4}  {name(metric.id, lang)} ({metric.property})" for metric in score.lost
        ]
        if score.unchecked:
            names = ", ".join(name(metric.id, lang) for metric in score.unchecked)
            lines.append(f"       ?  {text('unchecked', lang)}: {names}")
    return lines


def _shapes(check: Check, lang: str) -> list[str]:
    judged = check.judged
    if judged is None:
        return [text("shapes.not", lang)]
    violations, warnings = judged.results(violations=True), judged.results(violations=False)
    total = text("shapes.sum", lang, violations=len(violations), warnings=len(warnings))
    lines = [f"{text('shapes', lang, version=_plain(judged.version))}: {total}"]
    for key, results in (("violation", violations), ("warning", warnings)):
        merged: dict[tuple[str, ...], list[Result]] = {}
        for file, result in results:
            # Messages often name the node; what makes two results the same fault is their constraint.
            fault = (file, result.path_text, str(result.shape), str(result.component))
            merged.setdefault(fault, []).append(result)
        for number, ((file, path, *_), same) in enumerate(merged.items()):
            if number == LISTED:
                lines.append(f"  {text('more', lang, n=len(merged) - LISTED)}")
                break
            first = same[0]
            times = f" × {len(same)}" if len(same) > 1 else ""
            value = "" if first.value is None else f" {_term(first.value)}"
            lines.append(f"  {text(key, lang)}{times}  {_term(first.focus)}  {_plain(path)}{value}")
            lines.append(f"    {_plain(first.message(lang))} ({file})")
    return lines


def _urls(check: Check, lang: str) -> list[str]:
    if check.asked is None:
        return [text("urls.not", lang)]
    bad = [answer for answer in check.asked.values() if answer.good is False]
    unchecked = [answer for answer in check.asked.values() if answer.good is None]
    good = len(check.asked) - len(bad) - len(unchecked)
    counts = text("urls.sum", lang, good=good, bad=len(bad), unchecked=len(unchecked))
    lines = [f"{text('urls', lang)}: {counts}"]
    for sign, answers in (("✗", bad), ("?", unchecked)):
        lines += [f"  {sign} {_plain(answer.url)}: {_plain(answer.reason)}" for answer in answers[:LISTED]]
        if len(answers) > LISTED:
            lines.append(f"  {text('more', lang, n=len(answers) - LISTED)}")
    if not all(answer.listed for answer in unchecked):
        lines.append(f"  {text('urls.allow', lang)}")
    return lines


def _mean(check: Check, metric: Metric) -> float:
    got = sum(score.states[metric.id] is True for score in check.scores)
    return metric.points * got / len(check.scores)


def _number(points: float) -> str:
    """Points without decimals that say nothing.

    >>> _number(405), _number(311.25), _number(404.96)
    ('405', '311.2', '404.9')
    """
    # Cut off, not rounded: what is lost somewhere must not look like all.
    return f"{int(points * 10 + 1e-6) / 10:g}"


def _term(term: Term) -> str:
    return _plain(term.value if isinstance(term, NamedNode) else str(term))


def _plain(words: str) -> str:
    """A text of strangers on one line, without what a terminal would obey.

    >>> _plain("a\\x1b[31mb\\nc")
    'a�[31mb c'
    """
    return "".join(letter if letter.isprintable() else "�" for letter in " ".join(words.split()))[:500]


# --- for programs -------------------------------------------------------------------------------------------


def to_json(check: Check) -> str:
    """The check with everything in it; texts are objects by language."""
    return json.dumps(to_dict(check), ensure_ascii=False, indent=1)


def to_dict(check: Check) -> dict[str, Any]:
    """The check as JSON values."""
    return {
        "catalogue": check.name,
        "pages": check.pages,
        "ok": check.ok,
        **_points(check.points, check.possible),
        "datasets": [_dataset(score) for score in check.scores],
        "undescribed": [str(term) for term in check.found.undescribed],
        "shapes": _judged(check),
        "urls": None if check.asked is None else [_asked(answer) for answer in check.asked.values()],
        "notes": [
            {
                "code": key.removeprefix("note."),
                **values,
                "text": {one: text(key, one, **values) for one in LANGUAGES},
            }
            for key, values in check.notes
        ],
    }


def _points(points: float, possible: float) -> dict[str, Any]:
    return {
        "points": points,
        "possible": possible,
        "of": MOST,
        "rating": rating(possible),
        "sure": points == possible,
    }


def _dataset(score: Score) -> dict[str, Any]:
    return {
        "dataset": _value(score.dataset),
        "title": score.title,
        **_points(score.points, score.possible),
        "distributions": score.distributions,
        "best": None if score.best is None else _value(score.best),
        "metrics": [_metric(metric, score) for metric in METRICS],
    }


def _metric(metric: Metric, score: Score) -> dict[str, Any]:
    state = score.states[metric.id]
    found: dict[str, Any] = {
        "id": metric.id,
        "dimension": metric.dimension,
        "property": metric.property,
        "on": metric.on,
        "points": None if state is None else metric.points if state else 0,
        "of": metric.points,
        "name": {one: name(metric.id, one) for one in LANGUAGES},
    }
    if state is False:
        found["mend"] = {one: mend(metric.id, one) for one in LANGUAGES}
    return found


def _judged(check: Check) -> dict[str, Any] | None:
    judged = check.judged
    if judged is None:
        return None
    results = [*judged.results(violations=True), *judged.results(violations=False)]
    return {
        "version": judged.version,
        "decided": judged.decided,
        "files": list(judged.reports),
        "violations": len(judged.results(violations=True)),
        "warnings": len(judged.results(violations=False)),
        "results": [
            {
                "severity": local_name(result.severity),
                "file": file,
                "focus": _value(result.focus),
                "path": result.path_text or None,
                "value": None if result.value is None else _value(result.value),
                "message": result.message("en"),
                "shape": _value(result.shape),
            }
            for file, result in results
        ],
    }


def _asked(answer: Asked) -> dict[str, Any]:
    return {
        "url": answer.url,
        "good": answer.good,
        "status": answer.status,
        "method": answer.method or None,
        "reason": answer.reason or None,
    }


def _value(term: Term) -> str:
    return term.value if isinstance(term, NamedNode) else str(term)
