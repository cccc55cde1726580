"""One method tried on a cohort: fitted, everyone enrolled once, asked with their own history and with another person's."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from idiolect.assistant import Assistant
from idiolect.errors import MissingExtra
from idiolect.evaluation.cohort import Cohort, Person
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.metered import Meter, Metered
from idiolect.prompting.plain import Plain
from idiolect.store.states import dump
from idiolect.types import Reply, Request, Score, State, ask

Progress = Callable[[str, str, int, int], None]  # method, what is being done, done, of how many
TOGETHER = 128  # questions put to the model at once; the model makes its own batches of them


@dataclass(frozen=True)
class Costs:
    """What a method costs. Seconds are wall-clock time on the machine of the comparison, questions asked `TOGETHER` at once."""

    prompt_tokens: float  # a query
    calls: float  # a query
    seconds: float  # a query
    enroll_seconds: float  # a person
    enroll_calls: float  # a person; training steps are not calls
    fit_seconds: float  # once, for everybody
    bytes_kept: float | None  # a person; None without the library that saves states
    bytes_shared: int | None
    dropped_tokens: float = 0.0  # a query; above 0, the window was too small for what the method told


@dataclass(frozen=True)
class Arm:
    """For each person, for each target: the reply, and the true answer's nats and characters (None: the method answers by itself)."""

    replies: list[list[str]] = field(default_factory=list)
    nats: list[list[float]] | None = None
    chars: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Trial:
    """Everything raw that a method gave. `other` is None where it would be the same (Plain), or where nobody can stand in."""

    own: Arm
    other: Arm | None
    costs: Costs


@dataclass(frozen=True)
class Outcome:
    """A method, and its trial, or why there is none."""

    name: str
    method: Method
    trial: Trial | None = None
    status: Literal["done", "skipped", "failed"] = "done"
    reason: str = ""


@dataclass(frozen=True)
class Bench:
    """What all methods are tried on."""

    cohort: Cohort
    lm: LM
    max_tokens: int
    seed: int
    progress: Progress

    @property
    def requests(self) -> list[Request]:
        """Every target's question, person by person."""
        people = self.cohort.people
        return [ask(t.prompt, max_tokens=self.max_tokens, seed=self.seed) for person in people for t in person.targets]


def run(name: str, method: Method, bench: Bench) -> Trial:
    """Fit on all histories, enroll everyone once, ask twice. A state is a function of the history, so the control needs no second
    enrolment: person i is asked with the state of `other`."""
    users, lm = bench.cohort.users, Metered(bench.lm)
    assistant = Assistant(lm, method)
    bench.progress(name, "fit", 0, 1)
    fit_seconds = _timed(lambda: assistant.fit(bench.cohort.teachers))
    bench.progress(name, "enroll", 0, len(users))
    lm.meter = Meter()
    enroll_seconds = _timed(lambda: assistant.enroll(users))
    enroll_calls = lm.meter.calls
    states = [assistant.states[user.id] for user in users]
    own, seconds, asked = _ask(name, "own history", lm, assistant, states, bench)
    other = None
    if bench.cohort.paired and not isinstance(method, Plain):
        stand_ins = [states[person.other] for person in bench.cohort.people if person.other is not None]
        other = _ask(name, "another's history", lm, assistant, stand_ins, bench)[0]
    queries, kept = bench.cohort.counts.targets, _bytes(states)
    costs = Costs(
        prompt_tokens=asked.prompt_tokens / queries,
        calls=asked.calls / queries,
        seconds=seconds / queries,
        enroll_seconds=enroll_seconds / len(users),
        enroll_calls=enroll_calls / len(users),
        fit_seconds=fit_seconds,
        bytes_kept=None if kept is None else kept / len(users),
        bytes_shared=_bytes([method.shared]),
        dropped_tokens=asked.dropped_tokens / queries,
    )
    return Trial(own, other, costs)


def _ask(name: str, whose: str, lm: Metered, assistant: Assistant, states: Sequence[State], bench: Bench) -> tuple[Arm, float, Meter]:
    """Everyone's questions under these states: the arm, the seconds to bend and answer, and what that cost. Scoring comes after and
    is not counted: it is our measurement, not the method's work."""
    people, requests = bench.cohort.people, bench.requests
    assistant.states = {person.user.id: state for person, state in zip(people, states, strict=True)}
    asked_by = [person.user.id for person in people for _ in person.targets]
    truths = [target.answer for person in people for target in person.targets]
    lm.meter, seconds, replies = Meter(), 0.0, list[Reply]()
    scores: list[Score] | None = [] if "logprobs" in lm.can else None
    for at in range(0, len(asked_by), TOGETHER):
        bench.progress(name, whose, at, len(asked_by))
        part = slice(at, at + TOGETHER)
        started = time.perf_counter()
        bent = assistant.personalize(asked_by[part], requests[part])
        replies += assistant.answered(bent)
        seconds += time.perf_counter() - started
        open_ = [one for one in bent if isinstance(one, Request)]
        scores = scores + bench.lm.score(open_, truths[part]) if scores is not None and len(open_) == len(bent) else None
    bench.progress(name, whose, len(asked_by), len(asked_by))
    return _arm(people, replies, scores), seconds, lm.meter


def _arm(people: Sequence[Person], replies: Sequence[Reply], scores: Sequence[Score] | None) -> Arm:
    texts, scored = iter([reply.text for reply in replies]), iter(scores or [])
    rows = [[next(scored) for _ in person.targets] for person in people] if scores is not None else []
    return Arm(
        [[next(texts) for _ in person.targets] for person in people],
        [[score.nats for score in row] for row in rows] if scores is not None else None,
        [[score.chars for score in row] for row in rows],
    )


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _bytes(states: Sequence[State]) -> int | None:
    try:
        return sum(len(dump(state)) for state in states)
    except MissingExtra:
        return None
