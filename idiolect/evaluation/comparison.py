"""What a comparison found, as values: rows of figures with intervals and costs, and an advice; to JSON and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from idiolect.errors import DataError
from idiolect.evaluation.cohort import Counts
from idiolect.evaluation.intervals import Interval
from idiolect.evaluation.metrics import METRICS, Metric
from idiolect.evaluation.trial import Costs

FORMAT = "idiolect.comparison.1"
Personal = Literal["yes", "in part", "no", "unknown", "no gain", "worse"]


@dataclass(frozen=True)
class Figure:
    """One metric of one method, every difference paired by person. None: it is the baseline itself, or nobody could stand in."""

    own: Interval
    other: Interval | None = None  # with another person's history
    gain: Interval | None = None  # own less Plain
    other_gain: Interval | None = None  # with another's history, less Plain
    personal: Interval | None = None  # own less another's

    def verdict(self, lower: bool) -> Personal:
        """Whether the gain is the person's: "yes", only own history gives it; "in part", another's gives some of it; "no", another's
        gives as much; "unknown", nobody could stand in; "no gain" and "worse" against Plain."""
        if self.gain is None or not self.gain.clear:
            return "no gain"
        if not better(self.gain, lower):
            return "worse"
        if self.personal is None or self.other_gain is None:
            return "unknown"
        if not better(self.personal, lower):
            return "no"
        return "in part" if better(self.other_gain, lower) else "yes"


@dataclass(frozen=True)
class Row:
    """One method: done with figures and costs, or skipped or failed with the reason. `changes` has each person's improvement over
    Plain by the metric that decides (above 0 is better), in the order of `Comparison.people`."""

    name: str
    method: str
    config: str
    status: Literal["done", "skipped", "failed"]
    reason: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)
    costs: Costs | None = None
    changes: tuple[float, ...] = ()


@dataclass(frozen=True)
class Advice:
    """The method to use, and why."""

    method: str
    reason: str


@dataclass(frozen=True)
class Comparison:
    """Everything a table or a report shows. The first row is Plain; `started` is ISO 8601 in UTC."""

    task: str
    kind: str
    about: str
    model: str
    deciding: str  # the metric that decides
    rows: tuple[Row, ...]
    people: tuple[str, ...]
    counts: Counts
    advice: Advice
    setup: Mapping[str, Any]
    started: str
    seconds: float
    versions: Mapping[str, str]

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return METRICS[self.deciding]

    @property
    def done(self) -> tuple[Row, ...]:
        """The rows that have figures by the metric that decides."""
        return tuple(row for row in self.rows if self.deciding in row.figures)

    def verdict(self, row: Row) -> Personal | None:
        """Whether a method's gain is personal, by the metric that decides; None where it has no such figure, and for Plain."""
        figure = row.figures.get(self.deciding)
        return None if figure is None or figure.gain is None else figure.verdict(self.metric.lower)

    def to_json(self) -> str:
        """Figures, costs and people's ids; no text of anybody's."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Comparison:
        """What `to_json` wrote. Raises DataError for anything else."""
        try:
            tree = json.loads(text)
            if tree.pop("format") != FORMAT:
                raise KeyError("format")
            made = {
                "rows": tuple(_row(row) for row in tree["rows"]),
                "people": tuple(tree["people"]),
                "counts": Counts(**tree["counts"]),
                "advice": Advice(**tree["advice"]),
            }
            return cls(**{**tree, **made})
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(f"this is not a comparison as `idiolect compare --json` writes it ({error!r}); run it again") from None


def better(difference: Interval, lower: bool) -> bool:
    """Whether a difference is an improvement beyond doubt: its interval lies on the better side of 0."""
    return difference.clear and (difference.value < 0) == lower


def _row(tree: dict[str, Any]) -> Row:
    figures = {name: _figure(figure) for name, figure in tree["figures"].items()}
    costs = Costs(**tree["costs"]) if tree["costs"] else None
    return Row(**{**tree, "figures": figures, "costs": costs, "changes": tuple(tree["changes"])})


def _figure(tree: dict[str, Any]) -> Figure:
    own, *rest = (tree[name] and Interval(**tree[name]) for name in ("own", "other", "gain", "other_gain", "personal"))
    return Figure(own, *rest)
