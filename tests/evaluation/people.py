"""Invented people and small methods with known effects, for tests of the comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from idiolect.evaluation.compare import compare
from idiolect.evaluation.comparison import Comparison
from idiolect.evaluation.tasks import Task
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.models.scripted import ScriptedLM
from idiolect.types import History, Record, Request, State, User

WORDS = (
    "amber birch cedar dune ember fjord grove heath islet jetty knoll lagoon marsh north oasis prairie quarry ridge slope tundra".split()
)


def crowd(people: int = 12, records: int = 10) -> list[User]:
    """People who each have two words of their own, which they always write, twice."""
    made = []
    for i in range(people):
        own = f"{WORDS[i % 20]}{i} {WORDS[(i + 7) % 20]}{i}"
        made.append(User(f"user-{i}", History(Record(f"Say it, {i}, {t}.", f"{own} {own}", float(t)) for t in range(records))))
    return made


def echo(request: Request) -> str:
    """What a model says that repeats the system message, or nothing."""
    return request.messages[0].content if request.messages[0].role == "system" else "nothing"


@dataclass
class Own(Method):
    """Tells the newest answer of the history: it helps with one's own history only."""

    times: int = 1

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return request.told(" ".join([state.records[-1].answer] * self.times) if len(state.records) else "")


@dataclass
class Anybody(Method):
    """Tells a little of everybody, whoever asks: it helps with any history."""

    def fit(self, users: Sequence[User], lm: LM) -> None:
        self.shared = State(text=" ".join(user.records[-1].answer for user in users))

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return request.told(self.shared.text)


@dataclass
class Both(Anybody):
    """Tells everybody's and, twice as much of it, one's own."""

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return request.told(self.shared.text).told(" ".join([state.records[-1].answer] * 20))


@dataclass
class Broken(Method):
    """Raises in the middle."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        raise RuntimeError("out of luck")


@dataclass
class Harmful(Method):
    """Tells what nobody writes."""

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return request.told("0123456789 " * 40)


def model() -> ScriptedLM:
    """A model that repeats what it is told, and finds likely what resembles it."""
    return ScriptedLM(echo)


TEXT = Task("invented", "text", "what invented people say", lambda _: crowd())


def compared(*methods: Method, users: Sequence[User] | None = None, lm: LM | None = None, folder: Path | None = None) -> Comparison:
    """The crowd compared with these methods, each named by its class."""
    named = [(type(method).__name__, method) for method in methods]
    return compare(users or crowd(), lm or model(), named, TEXT, folder=folder)
