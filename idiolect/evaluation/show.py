"""Figures and names in words that fit a table, a plot and a page."""

from __future__ import annotations

import unicodedata

from idiolect.evaluation.comparison import Comparison, Row
from idiolect.evaluation.intervals import Interval
from idiolect.evaluation.metrics import METRICS, Metric

UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def name(text: str, most: int = 40) -> str:
    """Any text as one short line: control characters and lone surrogates become "?", what is too long ends in an ellipsis."""
    line = "".join("?" if unicodedata.category(c) in ("Cc", "Cs", "Cf", "Co", "Cn") else c for c in text)
    return line if len(line) <= most else line[: most - 1] + "…"


def number(value: float | None, decimals: int = 3, signed: bool = False) -> str:
    """A figure, with its sign where it is a change; "-" for none."""
    return "-" if value is None else f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"


def interval(of: Interval | None, decimals: int = 3, signed: bool = False) -> str:
    """A figure with its interval, "2.41 (2.31 to 2.52)"; "-" for none."""
    if of is None:
        return "-"
    return f"{number(of.value, decimals, signed)}{ends(of, decimals, signed)}"


def ends(of: Interval, decimals: int = 3, signed: bool = False) -> str:
    """The interval alone, with a space before it; "" where one person has none."""
    if of.low is None or of.high is None:
        return ""
    return f" ({number(of.low, decimals, signed)} to {number(of.high, decimals, signed)})"


def brief(of: Interval | None, decimals: int = 3, signed: bool = False) -> str:
    """A figure with its interval in fewer letters, "2.41 (2.31 2.52)"; "-" for none."""
    return interval(of, decimals, signed).replace(" to ", " ")


def improvement(of: Interval, lower: bool, decimals: int = 3) -> str:
    """How much better, whichever way better is: "0.21 (0.18 to 0.25)"."""
    turned = Interval(-of.value, None if of.high is None else -of.high, None if of.low is None else -of.low) if lower else of
    return interval(turned, decimals)


def count(value: float | None) -> str:
    """A mean count in three digits or fewer: "412", "1.5", "12k"; "-" for none."""
    if value is None:
        return "-"
    if value >= 10_000:
        return f"{value / 1000:.0f}k"
    return f"{value:.0f}" if value >= 100 or value == round(value) else f"{value:.1f}"


def seconds(value: float | None) -> str:
    """Seconds with two digits that count: "0.012", "3.4", "25"; "-" for none."""
    if value is None:
        return "-"
    if value < 0.0005:
        return "0"
    decimals = 3 if value < 0.1 else 2 if value < 1 else 1 if value < 10 else 0
    return f"{value:.{decimals}f}"


def size(value: float | None) -> str:
    """Bytes in the largest unit that fits: "812 B", "4.2 kB"; "-" for none."""
    if value is None:
        return "-"
    for unit, letters in UNITS:
        if value >= unit:
            return f"{value / unit:.{0 if value >= 100 * unit else 1}f} {letters}"
    return f"{value:.0f} B"


def personal(comparison: Comparison, row: Row) -> str:
    """The answer to "is the gain personal?" in a word or two; "" for Plain."""
    if row.status != "done":
        return row.status
    verdict = comparison.verdict(row)
    if verdict is None:
        return "" if comparison.deciding in row.figures else "unmeasured"
    return verdict


def beside(comparison: Comparison) -> Metric | None:
    """The metric to show beside the one that decides: the next that Plain has."""
    return next((METRICS[name] for name in comparison.rows[0].figures if name != comparison.deciding), None)


def notes(comparison: Comparison) -> list[str]:
    """A sentence for each method that was skipped, failed, has no figure by the metric that decides, or did not fit the window."""
    return [note for row in comparison.rows if (note := _note(comparison, row))]


def _note(comparison: Comparison, row: Row) -> str:
    if row.status != "done":
        return f"{name(row.name)} {row.status}: {row.reason}"
    second = beside(comparison)
    if comparison.deciding not in row.figures:
        seen = row.figures.get(second.name) if second else None
        rest = f"; {second.label}: {interval(seen.gain, second.decimals, signed=True)} against Plain" if second and seen else ""
        return f"{name(row.name)} answers by itself, so it has no {comparison.metric.label}{rest}"
    cut = row.costs.dropped_tokens if row.costs else 0.0
    return f"{name(row.name)}: {count(cut)} tokens a query did not fit the model's window and were cut" if cut >= 0.5 else ""


def people(comparison: Comparison) -> list[str]:
    """How many people were compared, and who was left out and why, a sentence each."""
    counts = comparison.counts
    left = (
        (counts.seen, "were left out because the model was trained on them"),
        (counts.untargeted, "were left out because none of their records is later than the others"),
        (counts.short, f"were left out because they have fewer than {comparison.setup.get('least', 3)} records before the ones asked for"),
        (counts.unchosen, f"were left out by the draw of {counts.compared} (seed {comparison.setup.get('seed')})"),
        (counts.sharing, "were paired with somebody with whom they share a record, because nobody else was there"),
    )
    made = [f"{counts.compared} people were compared, on {counts.targets} later records of theirs."]
    made += [f"{number_} of the {counts.given} given {why}." for number_, why in left if number_]
    if counts.teachers:
        made.append(f"They were newcomers: only {counts.teachers} others took part in what people teach together.")
    if comparison.setup.get("newest"):
        made.append(f"Only the {comparison.setup['newest']} latest records of each person were learnt from.")
    if counts.removed_records:
        made.append(f"{counts.removed_records} records were taken out of histories because they are asked for from somebody.")
    return made
