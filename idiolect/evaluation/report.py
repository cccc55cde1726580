"""The comparison as one HTML file that needs nothing else: plots, the whole table, how to read it, and how it was made."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from idiolect.errors import StoreError
from idiolect.evaluation import plots, show
from idiolect.evaluation.comparison import Comparison, Figure, Row
from idiolect.evaluation.metrics import METRICS, Metric
from idiolect.evaluation.verdict import QUERIES, effort
from idiolect.training.style_features import FEATURES

TEMPLATE = "report.html.jinja"
EXTREMES = 5  # people shown at each end


@dataclass(frozen=True)
class Cell:
    """A figure with its interval, and whether it is clearly better, clearly worse, or neither ("")."""

    value: str
    ends: str = ""
    tone: str = ""


def report(comparison: Comparison, command: Sequence[str] = ()) -> str:
    """The page. `command` is what was typed, shown so that anybody can run it again. Raises MissingExtra without matplotlib."""
    page = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page.globals |= {"show": show, "minus": _minus}
    template = page.from_string((files("idiolect.evaluation") / TEMPLATE).read_text("utf-8"))
    baseline = comparison.rows[0].name == comparison.advice.method
    chosen = next(row for row in comparison.rows if row.name == comparison.advice.method)
    shown = {
        "c": comparison,
        "chosen": chosen,
        "stay": baseline,
        "facts": _facts(comparison, chosen),
        "plots": _plots(comparison),
        "rows": [_line(comparison, row) for row in comparison.rows],
        "others": [_metric_table(comparison, METRICS[name]) for name in comparison.rows[0].figures if name != comparison.deciding],
        "extremes": _extremes(comparison, chosen),
        "notes": show.notes(comparison),
        "people": show.people(comparison),
        "features": list(FEATURES),
        "command": shlex.join(command),
        "queries": QUERIES,
    }
    return template.render(shown).encode("utf-8", "replace").decode("utf-8")


def write(comparison: Comparison, path: Path | str, command: Sequence[str] = ()) -> None:
    """The page into a file. Raises StoreError where it cannot be written."""
    page = report(comparison, command)
    try:
        Path(path).write_text(page, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"the report cannot be written to {path}: {error}; choose another place with --report") from error


def _plots(comparison: Comparison) -> dict[str, Markup]:
    changed = any(row.changes for row in comparison.done)
    drawn = {"quality": plots.quality(comparison), "cost": plots.cost(comparison)}
    return {name: Markup(svg) for name, svg in (drawn | ({"people": plots.people(comparison)} if changed else {})).items()}


def _facts(comparison: Comparison, row: Row) -> list[tuple[str, str, str]]:
    """What a person wants to know first of the method to use: a heading, a figure, and what it is."""
    metric, figure = comparison.metric, row.figures.get(comparison.deciding)
    made = []
    if figure and figure.gain:
        made.append(("better than Plain by", show.number(abs(figure.gain.value), metric.decimals), metric.label))
    if figure and figure.personal:
        made.append(("own beats another's by", show.number(abs(figure.personal.value), metric.decimals), metric.label))
    if row.changes:
        made.append(("better for", f"{sum(change > 0 for change in row.changes)} of {len(row.changes)}", "people"))
    if row.costs:
        made.append(("costs a person", f"{show.seconds(effort(row))} s", f"for {QUERIES} queries, enrolment included"))
        made.append(("keeps a person", show.size(row.costs.bytes_kept), "of state"))
    return made


def _line(comparison: Comparison, row: Row) -> dict[str, Any]:
    costs = row.costs
    return {
        "name": show.name(row.name, 60),
        "chosen": row.name == comparison.advice.method,
        "cells": _cells(row.figures.get(comparison.deciding), comparison.metric),
        "verdict": show.personal(comparison, row),
        "costs": [
            show.count(costs.prompt_tokens),
            show.count(costs.calls),
            show.seconds(costs.seconds),
            show.seconds(costs.enroll_seconds),
            show.seconds(costs.fit_seconds),
            show.size(costs.bytes_kept),
        ]
        if costs
        else ["-"] * 6,
    }


def _cells(figure: Figure | None, metric: Metric) -> list[Cell]:
    """Own, change against Plain, the same with another's history, and own less another's."""
    if figure is None:
        return [Cell("-")] * 4
    made = [Cell(show.number(figure.own.value, metric.decimals), show.ends(figure.own, metric.decimals))]
    for change in (figure.gain, figure.other_gain, figure.personal):
        if change is None:
            made.append(Cell("-"))
            continue
        tone = ("good" if (change.value < 0) == metric.lower else "bad") if change.clear else ""
        made.append(Cell(show.number(change.value, metric.decimals, signed=True), show.ends(change, metric.decimals, signed=True), tone))
    return made


def _metric_table(comparison: Comparison, metric: Metric) -> dict[str, Any]:
    lines = [(show.name(row.name, 60), _cells(row.figures.get(metric.name), metric)) for row in comparison.rows if row.figures]
    return {"label": metric.label, "lower": metric.lower, "rows": lines}


def _extremes(comparison: Comparison, row: Row) -> list[tuple[str, list[tuple[str, str]]]]:
    """Those whom the method helps most and least, with their improvement; nothing where there is none."""
    ranked = sorted(zip(row.changes, comparison.people, strict=True), reverse=True) if row.changes else []
    shown = [(show.name(person), show.number(change, comparison.metric.decimals, signed=True)) for change, person in ranked]
    ends = min(EXTREMES, len(shown) // 2)
    return [("most", shown[:ends]), ("least", shown[-ends:])] if ends else []


def _minus(text: str) -> str:
    """A true minus sign in place of a hyphen."""
    return text.replace("-", "−")
