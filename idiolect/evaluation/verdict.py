"""Which method to use: the best whose gain is clear and personal, or a much cheaper one that is as good; else Plain, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from idiolect.evaluation import show
from idiolect.evaluation.comparison import Advice, Figure, Row
from idiolect.evaluation.intervals import Interval
from idiolect.evaluation.metrics import Metric

QUERIES = 100  # of one person, over which enrolling them is spread
MUCH = 0.5  # of the seconds: what is much cheaper
Tie = Callable[[Row, Row], Interval]  # the paired difference of two methods


def effort(row: Row) -> float:
    """Seconds that one person costs: enrolling them, and their first 100 queries. What everybody shares (`fit`) is not in it."""
    return row.costs.enroll_seconds + QUERIES * row.costs.seconds if row.costs else float("inf")


def advise(rows: Sequence[Row], metric: Metric, difference: Tie) -> Advice:
    """`rows` begins with Plain. A method counts if its change against Plain and against itself with another's history are both
    improvements whose intervals exclude 0. Of these the best is taken, unless one whose difference from it is not clear costs at
    most half the seconds."""
    plain, *others = rows
    measured = [row for row in others if metric.name in row.figures]
    verdicts = {row.name: row.figures[metric.name].verdict(metric.lower) for row in measured}
    good = [row for row in measured if verdicts[row.name] in ("yes", "in part")]
    if not good:
        return Advice(plain.name, _stay(plain, others, measured, metric))
    sign = 1 if metric.lower else -1
    best = min(good, key=lambda row: sign * row.figures[metric.name].own.value)
    cheap = [row for row in good if not difference(row, best).clear and effort(row) <= MUCH * effort(best)]
    chosen = min(cheap, key=effort, default=best)
    return Advice(chosen.name, " ".join([_gains(chosen, metric, verdicts[chosen.name]), *_cheaper(chosen, best)]))


def _gains(row: Row, metric: Metric, verdict: str) -> str:
    figure = row.figures[metric.name]
    plain, other = (_by(part, metric) for part in (figure.gain, figure.personal))
    rest = "Part of the gain comes with anybody's history; what is the person's own is clear." if verdict == "in part" else ""
    own = "What it gains is the person's own: another's history does not give it." if verdict == "yes" else rest
    return f"{row.name} is better than Plain by {plain} {metric.label}, and better than itself with another's history by {other}. {own}"


def _cheaper(chosen: Row, best: Row) -> list[str]:
    if chosen is best:
        return ["No method that is as good costs half as much or less."]
    times = effort(best) / max(effort(chosen), 1e-9)
    return [f"{best.name} is not clearly better and takes {times:.1f} times the seconds for a person's first {QUERIES} queries."]


def _stay(plain: Row, others: Sequence[Row], measured: Sequence[Row], metric: Metric) -> str:
    """Why nothing is better than Plain, from the weakest evidence to the strongest."""
    if not measured:
        return f"Stay with {plain.name}: no other method gave figures by {metric.label}."
    by = {row.name: row.figures[metric.name] for row in measured}
    verdicts = {name: figure.verdict(metric.lower) for name, figure in by.items()}
    alone = [name for name, verdict in verdicts.items() if verdict == "unknown"]
    anybodys = [name for name, verdict in verdicts.items() if verdict == "no"]
    if by and all(figure.own.low is None for figure in by.values()):
        return (
            f"Stay with {plain.name} for now: with one person there is no interval and nobody whose history could stand in, so nothing can "
            "be told. Compare at least ten people."
        )
    if alone:
        return f"Stay with {plain.name} for now: {_list(alone)} improved; nobody's history could stand in to tell whose gain it is."
    if anybodys:
        return (
            f"Stay with {plain.name}: {_list(anybodys)} improved, but with another person's history as much. What helps is not "
            "personal: the same few examples for everybody would do."
        )
    return f"Stay with {plain.name}: no method improved {metric.label} beyond doubt. {_nearest(by, metric)}"


def _nearest(by: dict[str, Figure], metric: Metric) -> str:
    sign = 1 if metric.lower else -1
    gains = {name: figure.gain for name, figure in by.items() if figure.gain is not None}
    if not gains:
        return ""
    name = min(gains, key=lambda one: sign * gains[one].value)
    return (
        f"The nearest was {name}, with {show.interval(gains[name], metric.decimals, signed=True)}. More people make the intervals narrower."
    )


def _by(of: Interval | None, metric: Metric) -> str:
    return "-" if of is None else show.improvement(of, metric.lower, metric.decimals)


def _list(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else names[0]
