"""LaMP and LongLaMP on their own files: every method asked every question, measured officially or soundly, and what it wrote.

The protocol: Salemi et al., LaMP, ACL 2024, arXiv:2304.11406; Kumar et al., LongLaMP, 2024, arXiv:2407.11016.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from idiolect.data.lamp import Form
from idiolect.data.lamp_files import Asked
from idiolect.data.lamp_files import Bench as Questions
from idiolect.data.splits import Split
from idiolect.errors import DataError, IdiolectError, MethodError
from idiolect.evaluation.cohort import Cohort, Counts, Person, pair
from idiolect.evaluation.intervals import Draws, Interval
from idiolect.evaluation.lamp_metrics import metrics, yardstick
from idiolect.evaluation.metrics import METRICS, Answered, Metric
from idiolect.evaluation.tasks import TOKENS
from idiolect.evaluation.trial import Arm, Bench, Costs, Progress, Trial, run
from idiolect.method import Method
from idiolect.models.lm import LM, check
from idiolect.prompting.plain import Plain
from idiolect.types import Floats, History, User

LONG_TOKENS = 512  # of a reply in LongLaMP
COPY_WORDS = 3  # answers of fewer words agree by chance


@dataclass(frozen=True)
class Setup:
    """How a benchmark is run. `rows` None asks every question; else so many, drawn by the seed. `control`: also with another's profile.

    `strict` measures as published, and takes nothing out of profiles; else whatever is asked of anybody is taken out of all of them.
    """

    strict: bool = False
    rows: int | None = None
    control: bool = True
    seed: int = 0
    max_tokens: int = 0


@dataclass(frozen=True)
class Figures:
    """One metric of one method: with the person's own profile, less the model without it, and the same with another's profile."""

    own: Interval
    gain: Interval | None = None
    other_gain: Interval | None = None


@dataclass(frozen=True)
class Result:
    """One method: its figures by metric, what it cost, and its replies by question."""

    name: str
    figures: Mapping[str, Figures]
    costs: Costs
    replies: Mapping[str, str]

    @property
    def told(self) -> dict[str, Any]:
        """Figures and costs, without anybody's text."""
        return {"name": self.name, "figures": {name: asdict(one) for name, one in self.figures.items()}, "costs": asdict(self.costs)}


@dataclass(frozen=True)
class Outcome:
    """What a run found: the metrics, the one that decides first, the methods, `Plain` first, and records taken out of profiles.

    `failed` has the methods that raised an error of the project's, with what it said.
    """

    form: Form
    metrics: tuple[Metric, ...]
    results: tuple[Result, ...]
    asked: int
    removed: int
    failed: Mapping[str, str]


def bench(
    questions: Questions,
    lm: LM,
    methods: Sequence[tuple[str, Method]],
    setup: Setup = Setup(),
    progress: Progress | None = None,
) -> Outcome:
    """Each method on the questions of a file, and the plain model first. One question is one person, as the benchmark has it.

    A method that raises an error of the project's is reported with it, and the others go on. Raises MethodError for two methods of
    one name, ModelError where the model cannot do what a method needs, DataError where no true answer is in the files.
    """
    entries = [("plain", Plain()), *((name, method) for name, method in methods if not isinstance(method, Plain))]
    if len({name for name, _ in entries}) < len(entries):
        raise MethodError("two methods have one name; give each its own, such as lamp:k=8")
    for name, method in entries:
        check(lm, method.needs, name)
    drawn = _drawn(questions.rows, setup)
    if not all(one.target.answer.strip() for one in drawn):
        raise DataError("some questions have no true answer, as in the benchmark's test files; give a file of outputs")
    rows, removed = (list(drawn), 0) if setup.strict else without_answers(questions.form, drawn)
    form = questions.form
    tokens = setup.max_tokens or (LONG_TOKENS if form.long else TOKENS[form.kind])
    on = Bench(_cohort(rows, setup, removed), lm, tokens, setup.seed, progress or (lambda *_: None))
    bits = (METRICS["bits_per_char"],) if "logprobs" in lm.can else ()
    ruler = _Ruler(form, rows, (*metrics(form, setup.strict), *bits), setup.seed)
    results, failed = [], {}
    for name, method in entries:
        try:
            results.append(ruler.result(name, run(name, method, on)))
        except IdiolectError as error:
            if isinstance(method, Plain):
                raise
            failed[name] = str(error)
    return Outcome(form, ruler.metrics, tuple(results), len(rows), removed, failed)


def without_answers(form: Form, rows: Sequence[Asked]) -> tuple[list[Asked], int]:
    """The rows, their profiles without whatever any row asks or answers, and how many records that took out.

    In the time split one person asks several times, and what the later question's profile holds may be the earlier one's answer:
    a method that learns from everybody would be told. Answers that are labels, numbers or under `COPY_WORDS` words agree by chance.
    """
    asked = {one.target.prompt for one in rows}
    said = {one.target.answer.strip() for one in rows if form.kind == "text"}
    said = {answer for answer in said if len(answer.split()) >= COPY_WORDS}
    kept = [replace(one, history=History(r for r in one.history if r.prompt not in asked and r.answer.strip() not in said)) for one in rows]
    return kept, sum(len(one.history) for one in rows) - sum(len(one.history) for one in kept)


class _Ruler:
    """Replies become figures, in the same bootstrap draws of questions for every method."""

    def __init__(self, form: Form, rows: Sequence[Asked], metrics: Sequence[Metric], seed: int) -> None:
        self.metrics, self.rows, self.yardstick = tuple(metrics), rows, yardstick(form)
        self.draws = Draws(len(rows), seed)
        self.plain: Mapping[str, Floats] = {}

    def result(self, name: str, trial: Trial) -> Result:
        """The figures of a trial; the first one given is the plain model's."""
        own, other = self._parts(trial.own), self._parts(trial.other) if trial.other else {}
        first = not self.plain
        self.plain = self.plain or own
        made = {one.name: self._figures(one, own, other, first) for one in self.metrics if one.name in own}
        replies = {row.id: said[0] for row, said in zip(self.rows, trial.own.replies, strict=True)}
        return Result(name, made, trial.costs, replies)

    def _figures(self, metric: Metric, own: Mapping[str, Floats], other: Mapping[str, Floats], first: bool) -> Figures:
        figure, plain = self.draws.interval(own[metric.name], metric.value), self.plain.get(metric.name)
        if first or plain is None:
            return Figures(figure)
        gain = self.draws.difference(own[metric.name], plain, metric.value)
        less = self.draws.difference(other[metric.name], plain, metric.value) if metric.name in other else None
        return Figures(figure, gain, less)

    def _parts(self, arm: Arm) -> dict[str, Floats]:
        answered = [
            Answered(
                row.id,
                arm.replies[i],
                [row.target.answer.strip()],
                arm.nats[i] if arm.nats is not None else None,
                arm.chars[i] if arm.nats is not None else (),
            )
            for i, row in enumerate(self.rows)
        ]
        given = [one for one in self.metrics if one.name != "bits_per_char" or arm.nats is not None]
        return {one.name: one.of(answered, self.yardstick) for one in given}


def _drawn(rows: Sequence[Asked], setup: Setup) -> Sequence[Asked]:
    if setup.rows is None or setup.rows >= len(rows):
        return rows
    places = random.Random(f"{setup.seed}/rows").sample(range(len(rows)), setup.rows)
    return [rows[place] for place in sorted(places)]


def _strangers(rows: Sequence[Asked], others: Sequence[int | None]) -> list[int | None]:
    """Nobody stands in for themselves: where a person asks twice, the next row of somebody else does."""
    made: list[int | None] = []
    for place, other in enumerate(others):
        user = rows[place].user
        onward = ((place + step) % len(rows) for step in range(1, len(rows)))
        same = user and other is not None and rows[other].user == user
        made.append(next((one for one in onward if rows[one].user != user), None) if same else other)
    return made


def _cohort(rows: Sequence[Asked], setup: Setup, removed: int) -> Cohort:
    splits = [Split(one.id, one.history, (one.target,)) for one in rows]
    others = _strangers(rows, pair(splits, setup.seed)) if setup.control else [None] * len(rows)
    people = tuple(Person(User(one.id, one.history), (one.target,), other) for one, other in zip(rows, others, strict=True))
    count = len(rows)
    return Cohort(people, Counts(count, 0, 0, 0, 0, count, count, 0, removed))
