"""The comparison in the terminal: one line a method, a legend, who took part, and which method to use."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from idiolect.evaluation import show
from idiolect.evaluation.comparison import Comparison, Figure, Row
from idiolect.evaluation.intervals import Interval

WIDE = 118  # columns from which all costs fit
FULL = 150  # and the intervals of changes too, and names with their settings
STYLES = {"yes": "bold green", "in part": "green", "no": "yellow", "worse": "red", "failed": "red", "skipped": "dim", "no gain": "dim"}


def table(comparison: Comparison, width: int = 120) -> RenderableType:
    """Everything a person needs to choose, for a rich console of `width` columns: below WIDE it has fewer columns, from FULL on every
    change has its interval."""
    pieces: list[RenderableType] = [_title(comparison), _grid(comparison, width)]
    pieces += [Text(note, "yellow") for note in show.notes(comparison)]
    pieces += [Padding(Text(legend(comparison), "dim"), (1, 0)), Text(" ".join(show.people(comparison)), "dim")]
    used = comparison.advice.method != comparison.rows[0].name
    advice = Text.assemble((f"Use {show.name(comparison.advice.method)}. " if used else "", "bold"), comparison.advice.reason)
    pieces.append(Padding(Panel(advice, border_style="green" if used else "yellow"), (1, 0, 0, 0)))
    return Group(*pieces)


def legend(comparison: Comparison) -> str:
    """How to read the table, in a paragraph."""
    metric = comparison.metric
    best = "lower is better, so a change below 0 helps" if metric.lower else "higher is better, so a change above 0 helps"
    return (
        f"{metric.label[:1].upper()}{metric.label[1:]}: {best}; in brackets the 95 % interval over people; * marks a change whose interval "
        "excludes 0. vs Plain: against the model that knows nothing of the person. other's: the same change with another person's "
        'history in place of one\'s own; what is gained there too is not personal. personal: "yes" only own history helps, "in part" '
        "own helps more than another's, \"no\" another's helps as much. Tokens of prompt, model calls and seconds (wall-clock) are a "
        "query's; s/enroll and kept are seconds and bytes a person."
    )


def _title(comparison: Comparison) -> Text:
    counts = comparison.counts
    what = f"{show.name(comparison.task)}: {show.name(comparison.about, 80)}"
    return Text.assemble(
        (what, "bold"), f"\n{counts.compared} people, {counts.targets} records asked for, model {show.name(comparison.model)}\n"
    )


def _grid(comparison: Comparison, width: int) -> Table:
    grid = Table(box=None, pad_edge=False, padding=(0, 2 if width >= WIDE else 1, 0, 0), header_style="bold", collapse_padding=True)
    grid.add_column("method", overflow="fold", max_width=28 if width >= FULL else 14 if width >= WIDE else 13)
    grid.add_column(comparison.metric.label)
    beside = show.beside(comparison)
    for heading in ("vs Plain", "other's", "personal", *([beside.label] if beside and width >= WIDE else [])):
        grid.add_column(heading, no_wrap=True)
    for heading in ("tokens", "calls", "s/query", "s/enroll", "kept") if width >= WIDE else ("s/query", "kept"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for row in comparison.rows:
        grid.add_row(*_figures(comparison, row, width), *_costs(row, width), style="bold" if row.name == comparison.advice.method else "")
    return grid


def _figures(comparison: Comparison, row: Row, width: int) -> list[Text]:
    decimals, figure, verdict = comparison.metric.decimals, row.figures.get(comparison.deciding), show.personal(comparison, row)
    changes = (figure.gain, figure.other_gain) if figure else (None, None)
    quality = Text(show.brief(figure.own if figure else None, decimals), no_wrap=True)
    cells = [Text(show.name(row.name)), quality, *(_change(part, decimals, width) for part in changes)]
    cells.append(Text(verdict, STYLES.get(verdict, "")))
    beside = show.beside(comparison)
    return [*cells, _beside(row.figures.get(beside.name), beside.decimals)] if beside and width >= WIDE else cells


def _beside(figure: Figure | None, decimals: int) -> Text:
    mark = "*" if figure and figure.gain and figure.gain.clear else " "
    return Text(show.number(figure.own.value, decimals) + mark if figure else "")


def _change(of: Interval | None, decimals: int, width: int) -> Text:
    if of is None:
        return Text("")
    mark = "*" if of.clear else " "
    return Text(
        show.number(of.value, decimals, signed=True) + mark + (show.ends(of, decimals, True).replace(" to ", " ") if width >= FULL else "")
    )


def _costs(row: Row, width: int) -> list[str]:
    if row.costs is None:
        return []
    query, kept = show.seconds(row.costs.seconds), show.size(row.costs.bytes_kept)
    if width < WIDE:
        return [query, kept]
    return [show.count(row.costs.prompt_tokens), show.count(row.costs.calls), query, show.seconds(row.costs.enroll_seconds), kept]
