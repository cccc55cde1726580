"""PrefEval: whether what a person prefers reaches the prompt when it matters, and whether the model then chooses by it.

Zhao, Hong, Liu, Bui, Mu, Wang. Do LLMs Recognize Your Preferences? Evaluating Personalized Preference Following in LLMs. ICLR 2025,
arXiv:2502.09597. Reaching is counted without any model: the sentence that gives the preference away stands in what is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.data.prefeval import FORMS, Item
from idiolect.evaluation.intervals import Draws, Interval
from idiolect.evaluation.recalled import Finder, reworded
from idiolect.models.lm import LM, check
from idiolect.retrieval.bm25 import words
from idiolect.types import Floats, History, Record, Reply, Request, User, ask

DISTANCES = (0, 10, 50, 300)
TOLD = 5  # records that a ranker tells, as in the paper
CARRIED = 0.8  # of a sentence's different words, in one line of what is told: a quoted sentence may be clipped, a fact is shorter
AT_ONCE = 50  # people known at once: rankers of three hundred long texts take room
LETTERS = "ABCD"
CHOOSE = "{question}\n\n{options}\n\nWhich of these suits this person best? Just answer with the letter."
Tick = Callable[[str, int, int], None]
Between = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Case:
    """An item in a form, its history of so many other exchanges after the preference, and the turn and sentence to be found."""

    item: Item
    user: User
    turn: str
    sentence: str


@dataclass(frozen=True)
class Row:
    """A finder's figures for a form at a distance; `letters` and `texts` are the shares of right choices, where a model was asked."""

    name: str
    form: str
    distance: int
    items: int
    reached: Interval  # the sentence stands in what is told
    named: Interval  # the turn is among the reasons
    used: float  # records told
    letters: Interval | None = None
    texts: Interval | None = None


def cases(items: Sequence[Item], form: str, distance: int, between: Between) -> list[Case]:
    """One person for each item that has this form: what they said, then `distance` of the other exchanges, the same for all."""
    made = []
    for item in items:
        if form in item.telling:
            said = item.said[form]
            later = [
                Record(before, own, len(said) + place, f"{item.id}:between:{place}")
                for place, (before, own) in enumerate(between[:distance])
            ]
            made.append(Case(item, User(f"{item.id}:{form}", History([*said, *later])), *item.telling[form]))
    return made


def measure(
    items: Sequence[Item],
    between: Between,
    finder: Finder,
    distances: Sequence[int] = DISTANCES,
    forms: Sequence[str] = FORMS,
    lm: LM | None = None,
    tick: Tick | None = None,
) -> list[Row]:
    """A finder on every form at every distance; with a model (one that gives likelihoods) the choices too. Raises ModelError."""
    if lm is not None:
        check(lm, frozenset({"logprobs"}), "multiple choice by likelihood")
    made = []
    for place, (form, distance) in enumerate((form, distance) for form in forms for distance in distances):
        asked = cases(items, form, distance, between)
        parts = np.array(list(_parts(asked, finder, lm)))
        made.append(_row(finder.name, form, distance, parts))
        if tick:
            tick(finder.name, place + 1, len(forms) * len(distances))
    return made


def _parts(asked: Sequence[Case], finder: Finder, lm: LM | None) -> Iterator[list[float]]:
    for start in range(0, len(asked), AT_ONCE):
        some = asked[start : start + AT_ONCE]
        finder.know([case.user for case in some])
        for case in some:
            bent = finder.tell(case.user.id, ask(case.item.question))
            ids = finder.told(case.user.id, bent)
            part = [float(carried(case.sentence, bent)), float(case.turn in ids), float(len(ids))]
            yield part if lm is None or isinstance(bent, Reply) else [*part, letters(bent, case.item, lm), texts(bent, case.item, lm)]


def carried(sentence: str, bent: Request | Reply) -> bool:
    """Whether the sentence stands, all but CARRIED of its words, in a line of what is told before the question."""
    if isinstance(bent, Reply):
        return False
    meant = set(words(sentence))
    told = (line for message in bent.messages[:-1] for line in message.content.splitlines())
    return any(len(meant & set(words(line))) >= CARRIED * len(meant) for line in told)


def letters(bent: Request, item: Item, lm: LM) -> float:
    """The share of the four orders in which the likeliest letter is the right option's."""
    count = len(item.options)
    orders = [[(first + place) % count for place in range(count)] for first in range(count)]
    requests = [reworded(bent, _listed(item, order)) for order in orders]
    scores = lm.score([request for request in requests for _ in range(count)], [LETTERS[place] for _ in orders for place in range(count)])
    nats = np.array([score.nats for score in scores]).reshape(count, count)
    return float(np.mean([order[int(row.argmax())] == 0 for order, row in zip(orders, nats, strict=True)]))


def texts(bent: Request, item: Item, lm: LM) -> float:
    """1 where the right option is, letter for letter, the likeliest answer to the bare question, else 0."""
    scores = lm.score([bent] * len(item.options), list(item.options))
    return float(min(range(len(scores)), key=lambda place: scores[place].bits_per_char) == 0)


def _listed(item: Item, order: Sequence[int]) -> str:
    options = "\n".join(f"{LETTERS[place]}. {item.options[number]}" for place, number in enumerate(order))
    return CHOOSE.format(question=item.question, options=options)


def _row(name: str, form: str, distance: int, parts: Floats) -> Row:
    draws = Draws(len(parts))
    figures = [draws.interval(parts[:, [column]], lambda mean: mean[..., 0]) for column in range(parts.shape[1])]
    return Row(name, form, distance, len(parts), figures[0], figures[1], figures[2].value, *figures[3:])
