"""MemPrompt's experiment: a person is misunderstood, says what they meant, and is understood when they ask in that way again.

Madaan, Tandon, Clark, Yang. Memory-assisted Prompt Editing to Improve GPT-3 After Deployment. EMNLP 2022, arXiv:2201.06009.
The model is an oracle that understands what it is told and nothing else: it is right if and only if a clarification of what is meant
stands before the question, so that the memory is what is measured, and not the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass

import numpy as np

from idiolect.assistant import Assistant
from idiolect.data.memprompt import INTENTS, Step
from idiolect.method import Method
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, Request, User, ask

CHANCES = (0.0, 0.5, 1.0)
SEEDS = 5  # draws of who gives feedback when, where that is left to chance
AT_A_LOSS = "I do not know what you mean."
Tick = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Streamed:
    """A stream as it went: for each question whether it was understood, whether anything else was told too, and what it cost."""

    right: tuple[bool, ...]
    misled: tuple[bool, ...]  # a clarification of something else stood in the prompt
    told: tuple[int, ...]  # words of the prompt before the question
    feedback: int  # clarifications given

    @property
    def accuracy(self) -> float:
        """The share understood."""
        return float(np.mean(self.right))

    @property
    def late(self) -> float:
        """The share understood in the last third."""
        return float(np.mean(self.right[-max(1, len(self.right) // 3) :]))

    @property
    def unmixed(self) -> float:
        """The share understood with nothing else told beside it."""
        return float(np.mean([right and not misled for right, misled in zip(self.right, self.misled, strict=True)]))


@dataclass(frozen=True)
class Row:
    """A method with a person, at a chance of feedback: means over the draws, and the ends of accuracy among them."""

    name: str
    person: str
    chance: float
    questions: int
    accuracy: float
    low: float
    high: float
    late: float
    unmixed: float
    feedback: float
    told: float


def oracle() -> ScriptedLM:
    """Says back every intent that the text before the question tells, or that it is at a loss."""
    return ScriptedLM(lambda request: "; ".join(told(request)) or AT_A_LOSS, can=(), name="oracle")


def told(request: Request) -> list[str]:
    """The intents that stand, as "I want ...", before the question."""
    before = "\n".join(message.content for message in request.messages[:-1]).casefold()
    return [intent for intent in INTENTS.values() if f"i want {intent}" in before]


def stream(steps: Sequence[Step], method: Method, chance: float, seed: int = 0) -> Streamed:
    """One person's questions in turn. Who was misunderstood says what they meant with probability `chance`.

    The draws hang on the seed alone, so that whoever gives feedback at one chance gives it at every greater one.
    """
    assistant, lots = Assistant(oracle(), deepcopy(method)), np.random.default_rng(seed).random(len(steps))
    assistant.fit([])
    assistant.enroll([User("person")])
    right, misled, cost, feedback = [], [], [], 0
    for place, step in enumerate(steps):
        reply = assistant.replies(["person"], [ask(step.question)])[0]
        said = reply.text.split("; ")
        right.append(step.intent in said)
        misled.append(any(one != step.intent for one in said) and reply.text != AT_A_LOSS)
        cost.append(reply.prompt_tokens - len(step.question.split()))
        if not right[-1] and lots[place] < chance:
            assistant.observe("person", Record(step.question, step.clarification, place, kind="correction", other=reply.text))
            feedback += 1
    return Streamed(tuple(right), tuple(misled), tuple(cost), feedback)


def measure(
    people: dict[str, list[Step]],
    name: str,
    method: Method,
    chances: Sequence[float] = CHANCES,
    seeds: int = SEEDS,
    tick: Tick | None = None,
) -> list[Row]:
    """A method with every person at every chance; a chance of 0 or 1 draws nothing, and is run once."""
    rows: list[Row] = []
    for person, steps in people.items():
        for chance in chances:
            runs = [stream(steps, method, chance, seed) for seed in range(seeds if 0 < chance < 1 else 1)]
            rows.append(_row(name, person, chance, runs))
            if tick:
                tick(name, len(rows), len(people) * len(chances))
    return rows


def _row(name: str, person: str, chance: float, runs: Sequence[Streamed]) -> Row:
    accuracies = [run.accuracy for run in runs]

    def mean(values: Sequence[float]) -> float:
        return float(np.mean(values))

    return Row(
        name,
        person,
        chance,
        len(runs[0].right),
        mean(accuracies),
        min(accuracies),
        max(accuracies),
        mean([run.late for run in runs]),
        mean([run.unmixed for run in runs]),
        mean([run.feedback for run in runs]),
        mean([mean(run.told) for run in runs]),
    )
