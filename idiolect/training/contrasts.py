"""For each objective a prompt that makes answers good by it and one that makes them bad: the model's own best and worst answers, quoted.

After MCA: Fu, Hou, McAuley, Yan. Unlocking Decoding-time Controllability. NAACL 2025, arXiv:2408.05094. The questions are fixed ones, so
that nothing that a person asked or was told stands in a prompt that others are answered under.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.models.lm import LM
from idiolect.training.conditions import WORDS
from idiolect.training.rewards import Scale
from idiolect.training.specialized import Drawn, Draws, drawn
from idiolect.types import ask
from idiolect.wording import clip

QUESTIONS = (
    "How do I boil an egg?",
    "What is a good way to learn a language?",
    "Why is the sky blue?",
    "Write a short note to a neighbour about noise.",
    "What should I pack for three days in Rome?",
    "Explain what a loan is.",
    "Which plants grow well without much light?",
    "Write a title for a story about a fox and a dog.",
    "How can two teams share one calendar?",
    "What makes bread rise?",
    "Suggest a present for a friend who likes music.",
    "How does a bicycle stay upright?",
)
LIKE = "Answer in the manner of these answers:"
WORDS_SHOWN = 40  # of each answer


@dataclass(frozen=True)
class Contrast:
    """What is told for an objective, and what is told against it."""

    expert: str
    adversary: str


def contrasts(lm: LM, objectives: Sequence[str], draws: Draws, shown: int = 2) -> tuple[list[Contrast], Scale]:
    """A contrast for each objective, and the scale of rewards over the pool.

    The pool is `draws.each` answers to each of QUESTIONS, `draws.questions` of them at most. Shown are the best and the worst answer to
    those `shown` questions whose rewards lie furthest apart; where the pool does not differ, the objective's own words stand alone.
    """
    pool = drawn(lm, [ask(question) for question in QUESTIONS[: draws.questions]], objectives, draws)
    return [_contrast(pool, place, name, shown) for place, name in enumerate(objectives)], pool.scale


def widest(worth: np.ndarray, shown: int) -> list[int]:
    """The rows of rewards (questions, answers) that span most, widest first, of equals the first; none that span nothing."""
    spans = np.ptp(worth, axis=1)
    return [int(row) for row in np.argsort(-spans, kind="stable")[:shown] if spans[row] > 0]


def _contrast(pool: Drawn, objective: int, name: str, shown: int) -> Contrast:
    pairs = {request.question: (best, worst) for request, best, worst in pool.pairs(objective)}
    said = [pool.requests[row].question for row in widest(pool.rewards[..., objective], shown)]
    sides = [[(question, pairs[question][side]) for question in said if question in pairs] for side in (0, 1)]
    little, much = WORDS.get(name, ("", ""))
    return Contrast(_prompt(much, sides[0]), _prompt(little, sides[1]))


def _prompt(words: str, answers: Sequence[tuple[str, str]]) -> str:
    quoted = [f"Asked: {question}\nAnswered: {clip(answer, WORDS_SHOWN)}" for question, answer in answers]
    return "\n\n".join(filter(None, [words, *([LIKE, *quoted] if quoted else [])]))
