"""The plots of the report, as SVG that stands inside a page: its colours are the page's, its text is text, and it names no address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from io import StringIO
from typing import Any

import numpy as np

from idiolect.evaluation import show
from idiolect.evaluation.comparison import Comparison, Row
from idiolect.evaluation.intervals import Interval
from idiolect.evaluation.verdict import QUERIES, effort
from idiolect.extras import need

INK, MUTED, LINE, OWN, OTHER = "#101010", "#707070", "#d0d0d0", "#1060c0", "#c06010"
PAGE = {INK: "var(--ink)", MUTED: "var(--muted)", LINE: "var(--line)", OWN: "var(--own)", OTHER: "var(--other)"}
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "idiolect",
    "font.size": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
}
HEIGHT, HEAD = 0.42, 1.25  # inches: of a method's line, and of what stands above and below
LABEL = 14  # pixels between two labels


@contextmanager
def _style() -> Iterator[None]:
    """Matplotlib takes colours and the reading of "$" from these settings when a text is made, so a plot is drawn inside them whole."""
    with need("matplotlib", "the report").rc_context(STYLE):
        yield


@_style()
def quality(comparison: Comparison) -> str:
    """Every method's figure with its interval, with own and with another's history; beside it the paired change against Plain."""
    rows, metric = comparison.done, comparison.metric
    figure, (left, right) = _canvas(len(rows), 2)
    for y, row in enumerate(rows):
        own = row.figures[metric.name]
        _dots(left, y, own.own, own.other)
        if own.gain is not None:
            _dots(right, y, own.gain, own.other_gain)
    _lines(left, rows, metric.label)
    _lines(right, [], f"change against Plain ({'below' if metric.lower else 'above'} 0 is better)")
    right.axvline(0, color=MUTED, linewidth=1)
    left.axvline(rows[0].figures[metric.name].own.value, color=MUTED, linewidth=1, linestyle=(0, (3, 3)))
    _key(figure)
    said = [f"{show.name(row.name)} {show.interval(row.figures[metric.name].own)}" for row in rows]
    return _svg(figure, "quality", f"{metric.label} of each method with 95 % intervals: {'; '.join(said)}.")


@_style()
def cost(comparison: Comparison) -> str:
    """Improvement over Plain against the seconds that a person costs."""
    rows, metric = [row for row in comparison.done if row.costs], comparison.metric
    figure, axes = _canvas(8, 1)
    points = [(max(effort(row), 1e-4), _improvement(row, comparison)) for row in rows]
    for (x, gain), row in zip(points, rows, strict=True):
        colour = OWN if comparison.verdict(row) in ("yes", "in part") else MUTED
        axes.plot([x, x], [gain.low or gain.value, gain.high or gain.value], color=colour, linewidth=1.4, alpha=0.5)
        axes.plot(x, gain.value, "o", color=colour, markersize=7)
    ticker = need("matplotlib.ticker", "the report")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.axhline(0, color=MUTED, linewidth=1)
    axes.grid(axis="y")
    axes.set_xlim(min(x for x, _ in points) / 2, max(x for x, _ in points) * 3)  # a decade or nearly, and room for names
    axes.set_xlabel(f"seconds for one person's first {QUERIES} queries, enrolment included (logarithmic)")
    axes.set_ylabel(f"improvement over Plain, {metric.label}")
    _labels(axes, points, [show.name(row.name, 24) for row in rows])
    said = [f"{show.name(row.name)} {gain.value:.3f} at {x:.2g} seconds" for (x, gain), row in zip(points, rows, strict=True)]
    return _svg(figure, "cost", f"Improvement over Plain against seconds a person: {'; '.join(said)}.")


@_style()
def people(comparison: Comparison) -> str:
    """One dot for each person: how much better or worse each method is for them than Plain."""
    rows = [row for row in comparison.done if row.changes]
    figure, axes = _canvas(len(rows), 1)
    drawn = np.random.default_rng(0)  # only spreads dots that would hide one another
    helped = [sum(change > 0 for change in row.changes) for row in rows]
    for y, row in enumerate(rows):
        axes.plot(
            row.changes, y + drawn.uniform(-0.24, 0.24, len(row.changes)), "o", color=OWN, markersize=4, alpha=0.45, markeredgewidth=0
        )
        axes.plot([np.mean(row.changes)] * 2, [y - 0.34, y + 0.34], color=INK, linewidth=2)
        axes.annotate(f"{helped[y]} of {len(row.changes)} better", (1.01, y), xycoords=("axes fraction", "data"), va="center", color=MUTED)
    _lines(axes, rows, f"improvement over Plain, {comparison.metric.label} (right of 0 is better; the bar is the mean)")
    axes.axvline(0, color=MUTED, linewidth=1)
    said = [f"{show.name(row.name)} better for {count} of {len(row.changes)}" for row, count in zip(rows, helped, strict=True)]
    return _svg(figure, "people", f"Each person's improvement over Plain: {'; '.join(said)}.")


def _canvas(lines: int, panels: int) -> tuple[Any, Any]:
    size = (9.6, HEAD + HEIGHT * max(lines, 2))
    figure = need("matplotlib.figure", "the report").Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(1, panels, sharey=panels > 1)


def _dots(axes: Any, y: int, own: Interval, other: Interval | None) -> None:
    shift = 0.13 if other is not None else 0.0
    for interval, at, colour, shape, fill in ((own, y - shift, OWN, "o", OWN), (other, y + shift, OTHER, "D", "none")):
        if interval is None:
            continue
        if interval.low is not None:
            axes.plot([interval.low, interval.high], [at, at], color=colour, linewidth=2, solid_capstyle="round", alpha=0.55)
        axes.plot(interval.value, at, shape, color=colour, markerfacecolor=fill, markersize=6.5 if shape == "o" else 5.5)


def _lines(axes: Any, rows: Sequence[Row], label: str) -> None:
    """One line for each method, the first on top; no rows: the panel shares its lines with the one beside it."""
    axes.set_xlabel(label)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    if rows:
        axes.set_yticks(range(len(rows)), [show.name(row.name, 24) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)


def _key(figure: Any) -> None:
    lines = need("matplotlib.lines", "the report")
    own = lines.Line2D([], [], color=OWN, marker="o", linewidth=2, label="own history")
    other = lines.Line2D([], [], color=OTHER, marker="D", markerfacecolor="none", linewidth=2, label="another person's history")
    figure.legend(handles=[own, other], loc="outside upper left", ncols=2, frameon=False)


def _improvement(row: Row, comparison: Comparison) -> Interval:
    gain = row.figures[comparison.deciding].gain
    if gain is None:
        return Interval(0.0)
    low, high = gain.low, gain.high
    if not comparison.metric.lower or low is None or high is None:
        return Interval(-gain.value if comparison.metric.lower else gain.value, low, high)
    return Interval(-gain.value, -high, -low)


def _labels(axes: Any, points: Sequence[tuple[float, Interval]], names: Sequence[str]) -> None:
    """Names to the right of their points, moved apart where they would lie on one another."""
    axes.figure.draw_without_rendering()
    at = [axes.transData.transform((x, gain.value)) for x, gain in points]
    placed: list[tuple[float, float]] = []
    for i in sorted(range(len(points)), key=lambda i: float(at[i][1])):
        x, y = (float(value) for value in at[i])
        near = [below for left, below in placed if abs(left - x) < 8 * LABEL]
        free = max([y, *(below + LABEL for below in near if below + LABEL > y)])
        placed.append((x, free))
        axes.annotate(
            names[i], (points[i][0], points[i][1].value), (9, (free - y) * 72 / axes.figure.dpi), textcoords="offset points", va="center"
        )


def _svg(figure: Any, salt: str, alt: str) -> str:
    """The figure for a page: no addresses, ids of its own, the page's colours and font, and `alt` for who cannot see it."""
    drawn = StringIO()
    figure.savefig(drawn, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = drawn.getvalue()
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text[text.index("<svg") :])
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"| height="[^"]*pt"', r"\1", text, count=2)
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\1{salt}-", text)
    text = re.sub(r"font: ([\d.]+px) [^;\"]+", r"font: \1 var(--font)", text)
    for colour, variable in PAGE.items():
        text = text.replace(colour, variable)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)
