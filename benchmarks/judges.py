"""Reward models as they are measured in `rewards.py`: each is learnt of everybody's pairs and judges one person's by one history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from rounds import tell

from idiolect.data.preferences import opening
from idiolect.evaluation.preferences import Judge, Person, asked_for
from idiolect.training import latent
from idiolect.training.balanced import Schedule, balanced, inner, own_head
from idiolect.training.normalisation import Normalisation
from idiolect.training.populations import groups, nearest, table
from idiolect.training.reward_models import bradley_terry, features, logistic
from idiolect.training.rewards import REWARDS
from idiolect.types import Floats
from idiolect.wording import clip

HOLDS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
OWN_HOLDS = (3.0, 10.0, 30.0, 100.0)
COUNTED = len(REWARDS)
Rows = list[Floats]  # of each person, better less worse (pairs, features)


@dataclass
class Seen:
    """Features of people's comparisons: of the better and the worse answers of histories and targets.

    `strangers` are the targets' differences beside the context of whoever stands in for each person.
    """

    history: list[tuple[Floats, Floats]]
    targets: list[tuple[Floats, Floats]]
    strangers: Rows

    @property
    def learnt(self) -> Rows:
        """Differences in the histories."""
        return [better - worse for better, worse in self.history]

    @property
    def asked(self) -> Rows:
        """Differences in the targets."""
        return [better - worse for better, worse in self.targets]

    def without(self, columns: int) -> Seen:
        """The same without the contexts: the first columns."""

        def cut(sides: list[tuple[Floats, Floats]]) -> list[tuple[Floats, Floats]]:
            return [(better[:, :columns], worse[:, :columns]) for better, worse in sides]

        return Seen(cut(self.history), cut(self.targets), [])


def seen(people: Sequence[Person], by: str, contexts: Sequence[str], others: Sequence[int]) -> Seen:
    """Every text embedded once; beside each answer its person's context, and in `strangers` that of the other."""
    parts = [(who, one, contexts[who]) for who, person in enumerate(people) for one in (*person.history, *person.targets)]
    parts += [(who, one, contexts[others[who]]) for who, person in enumerate(people) for one in person.targets]
    asked, told = [clip(opening(one.question), 200) for _, one, _ in parts] * 2, [context for *_, context in parts] * 2
    both = features(asked, [one.better for _, one, _ in parts] + [one.worse for _, one, _ in parts], by, told)
    better, worse = both[: len(parts)], both[len(parts) :]
    made, at = Seen([], [], []), 0
    for person in people:
        for side, count in ((made.history, len(person.history)), (made.targets, len(person.targets))):
            side.append((better[at : at + count], worse[at : at + count]))
            at += count
    for person in people:
        end = at + len(person.targets)
        made.strangers.append(better[at:end] - worse[at:end])
        at = end
    return made


def within(people: Sequence[Person], all_: Seen) -> Seen:
    """The histories alone, divided by prompt again: where holds are chosen."""
    made = Seen([], [], [])
    for person, (better, worse) in zip(people, all_.history, strict=True):
        held = np.array([asked_for(one.question, 0.25, 77) for one in person.history], dtype=bool)
        made.history.append((better[~held], worse[~held]))
        made.targets.append((better[held], worse[held]))
    return made


def tuned(fit: Callable[..., Judge], inside: Seen, grid: Sequence[float]) -> float:
    """The setting under which the held-out pairs of the histories are likeliest."""
    worth = []
    for value in grid:
        judge = fit(inside, value)
        said = [judge(who, who) for who in range(len(inside.targets)) if len(inside.targets[who][0])]
        worth.append(-float(np.logaddexp(0, -np.concatenate(said)).mean()))
    return grid[int(np.argmax(worth))]


def everybodys(all_: Seen, hold: float, columns: slice = slice(None)) -> Judge:
    head, asked = logistic(np.concatenate(all_.learnt)[:, columns], hold), all_.asked
    return lambda who, other: asked[who][:, columns] @ head


def with_own(all_: Seen, hold: float, base: float, columns: slice = slice(None)) -> Judge:
    """Everybody's head, and what one's own adds to it in these columns."""
    learnt, asked = all_.learnt, all_.asked
    head = logistic(np.concatenate(learnt), base)

    def judge(who: int, other: int) -> Floats:
        rows = learnt[other]
        moved = logistic(rows[:, columns], hold, shifts=rows @ head)
        return asked[who] @ head + asked[who][:, columns] @ moved

    return judge


def tabled(all_: Seen, hold: float, base: float) -> Judge:
    learnt, asked = all_.learnt, all_.asked
    made = table({str(who): rows for who, rows in enumerate(learnt)}, 0.5, base, hold)
    return lambda who, other: asked[who] @ made.of(str(other))


def grouped(all_: Seen, hold: float, count: int, own_group: bool = True) -> Judge:
    """Hard EM; one's own group's head, or the least of all, centred on all answers of the histories."""
    learnt, asked = all_.learnt, all_.asked
    made = groups(learnt, count, hold, starts=3)
    both = np.concatenate([side for pair in all_.history for side in pair])
    normal = Normalisation.fitted("zscore", both @ made.heads)

    def judge(who: int, other: int) -> Floats:
        if own_group:
            return asked[who] @ made.heads[:, nearest(made.heads, learnt[other])]
        better, worse = all_.targets[who]
        return normal.least(better @ made.heads) - normal.least(worse @ made.heads)

    return judge


def oracle(all_: Seen, hold: float, known: Sequence[int]) -> Judge:
    """A head for each group, told who is in which: what finding the groups could give at most."""
    learnt, asked = all_.learnt, all_.asked
    heads = [logistic(np.concatenate([rows for rows, own in zip(learnt, known, strict=True) if own == one]), hold) for one in (0, 1)]
    return lambda who, other: asked[who] @ heads[known[other]]


def more(all_: Seen, sets: Sequence[int], own_hold: float | None, even: bool = False) -> Judge:
    history = all_.history
    parts = [[pair for pair, own in zip(history, sets, strict=True) if own == name] for name in sorted(set(sets))]
    joined = [(np.concatenate([b for b, _ in part]), np.concatenate([w for _, w in part])) for part in parts]
    made = balanced(joined, Schedule(even=even, steps=300, rate=0.003))

    def judge(who: int, other: int) -> Floats:
        head = made["head"] if own_hold is None else own_head(made, *history[other], own_hold)
        better, worse = all_.targets[who]
        return (inner(made, better) - inner(made, worse)) @ head

    return judge


def vpl(all_: Seen, weight: float) -> Judge:
    made = latent.learnt(all_.history, latent.Plan(weight=weight, steps=400, batch=32))
    known = np.stack([latent.inferred(made, better[-16:], worse[-16:]) for better, worse in all_.history])
    tell(f"    VPL: {latent.active(known)} of {known.shape[1]} units active")

    def judge(who: int, other: int) -> Floats:
        better, worse = all_.targets[who]
        return latent.rewards(made, better, known[other]) - latent.rewards(made, worse, known[other])

    return judge


def carm(all_: Seen, hold: float) -> Judge:
    """The context of the other person stands in the features of one's own answers."""
    head = bradley_terry(*(np.concatenate(side) for side in zip(*all_.history, strict=True)), hold)
    asked, strangers = all_.asked, all_.strangers
    return lambda who, other: (asked if who == other else strangers)[who] @ head


def described(person: Person) -> str:
    """What a history says in words, where there is no profile: the answers taken."""
    return clip(" ".join(one.better for one in person.history[-6:]), 200)
