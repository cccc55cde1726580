"""Invented people who prefer short answers or long ones, and a model whose candidates are written down."""

from __future__ import annotations

from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, User, ask

SHORT = ("They sleep.", "In dens.", "At night.", "Mice and fruit.", "Four years.", "Red, mostly.")
LONG = tuple(
    f"{short} There is a great deal more that one could tell about it at length, if only one had the time to go on." for short in SHORT
)
ASKED = ask("What are foxes?", seed=10)
CANDIDATES = [
    "No idea what to say of that.",
    "They are foxes.",
    "They are foxes. There is a great deal more that one could tell about it at length, and so on.",
]


def person(name: str, likes_short: bool, count: int = 6) -> User:
    """Somebody with `count` choices, all of one taste."""
    pairs = [(SHORT[i % 6], LONG[i % 6]) for i in range(count)]
    rows = [(one, other) if likes_short else (other, one) for one, other in pairs]
    return User(
        name, [Record(f"Question {i} of foxes?", *(taken, float(i), f"{name}{i}", "choice", left)) for i, (taken, left) in enumerate(rows)]
    )


PEOPLE = [person(f"p{number}", number % 2 == 0) for number in range(8)]
BRIEF, THOROUGH = person("brief", True), person("thorough", False)


def candidates() -> ScriptedLM:
    """A model that says the first greedily, and the others by seed."""
    return ScriptedLM(lambda asked: CANDIDATES[0 if not asked.sampling.temperature else 1 + (asked.sampling.seed - 10) % 2], can=())
