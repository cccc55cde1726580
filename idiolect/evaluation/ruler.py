"""Trials measured: replies and scores of all methods become rows of figures, in the same bootstrap draws of people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from idiolect.data.splits import is_number
from idiolect.evaluation.cohort import Cohort
from idiolect.evaluation.comparison import Figure, Row
from idiolect.evaluation.intervals import Draws, Interval
from idiolect.evaluation.kept import described
from idiolect.evaluation.metrics import METRICS, Answered, Metric, Yardstick, number
from idiolect.evaluation.style import Style
from idiolect.evaluation.tasks import Task
from idiolect.evaluation.trial import Arm, Outcome
from idiolect.types import Floats

Parts = Mapping[str, Floats]  # metric -> (people, k)


@dataclass(frozen=True)
class Measured:
    """The parts of each metric, in both arms; a metric that the trial cannot give is not in it."""

    own: Parts
    other: Parts


class Ruler:
    """Everything that trials are measured with. Raises DataError, before anything is run, where answers do not suit the task."""

    def __init__(self, cohort: Cohort, task: Task, can: Collection[str], seed: int) -> None:
        self.cohort = cohort
        self.metrics = [METRICS[name] for name in task.measured(can)]
        self.deciding = METRICS[task.deciding(can)]
        self.yardstick = yardstick(cohort, task)
        self.draws = Draws(len(cohort.people), seed)

    def rows(self, outcomes: Sequence[Outcome]) -> tuple[list[Row], Callable[[Row, Row], Interval]]:
        """One row for each outcome, Plain's first; and the paired difference of two rows by the metric that decides."""
        measured = {one.name: self._measured(one) for one in outcomes if one.trial is not None}
        plain = measured[outcomes[0].name]
        rows = [self._row(one, measured.get(one.name), plain) for one in outcomes]

        def difference(one: Row, other: Row) -> Interval:
            metric = self.deciding
            return self.draws.difference(measured[one.name].own[metric.name], measured[other.name].own[metric.name], metric.value)

        return rows, difference

    def _measured(self, outcome: Outcome) -> Measured:
        arms = (outcome.trial.own, outcome.trial.other) if outcome.trial else (None, None)
        own, other = ({} if arm is None else self._parts(arm) for arm in arms)
        return Measured(own, other)

    def _parts(self, arm: Arm) -> Parts:
        answered = [
            Answered(
                person.user.id,
                arm.replies[i],
                [target.answer.strip() for target in person.targets],
                arm.nats[i] if arm.nats is not None else None,
                arm.chars[i] if arm.nats is not None else (),
            )
            for i, person in enumerate(self.cohort.people)
        ]
        given = [metric for metric in self.metrics if metric.name != "bits_per_char" or arm.nats is not None]
        return {metric.name: metric.of(answered, self.yardstick) for metric in given}

    def _row(self, outcome: Outcome, measured: Measured | None, plain: Measured) -> Row:
        trial, method = outcome.trial, outcome.method
        made = Row(outcome.name, type(method).__name__, described(method), outcome.status, outcome.reason)
        if trial is None or measured is None:
            return made
        baseline = measured is plain
        figures = {m.name: self._figure(m, measured, None if baseline else plain) for m in self.metrics if m.name in measured.own}
        changes = () if baseline else self._changes(measured, plain)
        return Row(made.name, made.method, made.config, made.status, made.reason, figures, trial.costs, changes)

    def _figure(self, metric: Metric, measured: Measured, plain: Measured | None) -> Figure:
        own, other = measured.own[metric.name], measured.other.get(metric.name)
        figure = self.draws.interval(own, metric.value)
        if plain is None:
            return Figure(figure)
        base = plain.own[metric.name]
        gain = self.draws.difference(own, base, metric.value)
        if other is None:
            return Figure(figure, gain=gain)
        return Figure(
            own=figure,
            other=self.draws.interval(other, metric.value),
            gain=gain,
            other_gain=self.draws.difference(other, base, metric.value),
            personal=self.draws.difference(own, other, metric.value),
        )

    def _changes(self, measured: Measured, plain: Measured) -> tuple[float, ...]:
        """Each person's improvement over Plain by the metric that decides, above 0 for the better."""
        metric = self.deciding
        if metric.name not in measured.own:
            return ()
        apart = metric.value(measured.own[metric.name]) - metric.value(plain.own[metric.name])
        return tuple(float(change) for change in (-apart if metric.lower else apart))


def yardstick(cohort: Cohort, task: Task) -> Yardstick:
    """What replies are measured with: the task's scale or the smallest and largest rating, all labels, everybody's style.
    Raises DataError where a target of a task of ratings is no number."""
    answers = [record.answer.strip() for person in cohort.people for record in (*person.user.records, *person.targets)]
    if task.kind == "label":
        return Yardstick(labels=tuple(sorted(set(answers))))
    if task.kind == "text":
        return Yardstick(style=Style(cohort.users))
    given = [number(target.answer) for person in cohort.people for target in person.targets]
    given += [number(answer) for answer in answers if is_number(answer)]
    low, high = task.scale or (min(given), max(given))
    return Yardstick(low=low, high=high)
