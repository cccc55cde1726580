"""NeuralBandits: each question is told of the person in one of several ways, and ratings teach which way serves this person best.

Chen, Daniel, Chen, Buet-Golfouse. Online Personalizing White-box LLMs Generation with Neural Bandits. 2024, arXiv:2404.16115.

A small network guesses the reward of each way from the question; NeuralTS or NeuralUCB chooses, by chances that are logged with what
came of it. Departs from the paper: ways of telling stand for its soft prompts, so that a model which only answers will do, and a
guess begins with the person's own answers: what a way makes of their questions, told strictly earlier records. A rating says what it
is about by its question alone: the way is found again from the state that answered, which changes after every `every` ratings. Those
that no state saw come, as after enrolling afresh, teach nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Section, build, profile, quoted
from idiolect.retrieval import rank
from idiolect.retrieval.bm25 import words
from idiolect.training.bandits import Neural, Value, apart, as_arrays, best, from_arrays, played, value, won
from idiolect.training.feedback import By, worths
from idiolect.types import WRITTEN, Floats, History, Record, Request, State, User, ask, digest
from idiolect.wording import about, describe

WAYS = ("plain", "nearest", "profile", "profile and nearest", "newest")
LOG = ("arm", "chance", "reward", "seen")  # of each rated answer; "own seen" and "own gain" are of the person's own answers
DRAWS = 64  # of Thompson sampling, for the chances of one question


@dataclass
class NeuralBandits(Method):
    """Of WAYS, with `k` records each, one is told, chosen by `policy` ("thompson" or "ucb") at a width of `unsure`.

    Any way at all is told with the chance `explore`. Own answers are the `newest`; rewards lie between 0 and 1, ratings on `scale`.
    """

    reads: ClassVar[frozenset[str]] = WRITTEN | {"rating", "choice"}
    k: int = 4
    policy: str = "thompson"
    unsure: float = 0.3
    explore: float = 0.1
    hidden: int = 8
    ridge: float = 0.1
    every: int = 4
    scale: tuple[float, float] = (1.0, 5.0)
    newest: int = 4
    by: By = "any"
    answer_tokens: int = 32
    steps: int = 60
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        last = [(who, r) for who, user in enumerate(users) for r in user.records.of(WRITTEN | {"choice"}).newest(self.newest)]
        asked = [(who, r, users[who].records.of(WRITTEN).before(r)) for who, r in last if r.prompt.strip()]
        asked = [(who, r, earlier) for who, r, earlier in asked if len(earlier)]
        rows: list[list[Floats]] = [[np.zeros((0, 1 + SIZE))] for _ in users]
        for (who, r, earlier), gain in zip(asked, self._gains([(r, earlier) for _, r, earlier in asked], lm), strict=True):
            rows[who].append(np.column_stack([gain, features(earlier, r.prompt)]))
        made = [np.concatenate(own) for own in rows]
        learnt = [self._learnt({"own gain": own[:, 0], "own seen": own[:, 1:]}) for own in made]
        return [State(records=user.records, arrays=arrays) for user, arrays in zip(users, learnt, strict=True)]

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        logged, fresh = self.observe(state, user, new, lm).arrays, self.enroll([user], lm)[0]
        return replace(fresh, arrays=self._learnt({**fresh.arrays, **{name: logged[name] for name in LOG if name in logged}}))

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        arrays, written = dict(state.arrays), user.records.of(WRITTEN)
        for record in new:
            reward, count = self._reward(record), len(written.before(record))
            earlier = written.made(("first", count), itemgetter(slice(count)))  # one for many ratings: what is made of it stays
            if reward is None or not len(earlier):
                continue
            way, chances, seen = self._choice(arrays, earlier, record.prompt)
            play = {"arm": float(way), "chance": chances[way], "reward": reward, "seen": seen[way]}
            arrays |= {name: np.concatenate([arrays[name], [one]]) if name in arrays else np.array([one]) for name, one in play.items()}
            if len(arrays["reward"]) % self.every == 0:
                arrays = self._learnt(arrays)
        return replace(state, records=user.records, arrays=arrays)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        records = state.records.of(WRITTEN)
        if not len(records):
            return request
        way, chances, _ = self._choice(state.arrays, records, request.question)
        asked = replace(request, because=(*request.because, f"way:{WAYS[way]}, chance {chances[way]:.2f}"))
        return build(asked, self._ways(records, request.question)[WAYS[way]], lm)

    def earned(self, state: State) -> dict[str, Value]:
        """What a person's ratings say that each way alone would earn an answer: by inverse propensities, self-normalized."""
        arrays = state.arrays
        if "reward" not in arrays:
            return {}
        return {name: value(arrays["reward"], arrays["chance"], arrays["arm"] == way, own=True) for way, name in enumerate(WAYS)}

    def _choice(self, arrays: Mapping[str, Floats], records: History, question: str) -> tuple[int, Floats, Floats]:
        """The way that is told, the chances of all, and what was seen of each; the same whenever the question is put to this state."""
        seen, name = features(records, question), digest(str(self.seed), question)
        net = from_arrays(arrays) if "inverse" in arrays else self._untaught()
        if self.policy == "ucb":
            chances = best(net.upper(seen, self.unsure), self.explore)
        else:
            chances = won(net.drawn(seen, self.unsure, DRAWS, np.random.default_rng(int(name, 16))), self.explore)
        return played(chances, int(digest("lot", name), 16) / 16**16), chances, seen

    def _gains(self, asked: Sequence[tuple[Record, History]], lm: LM) -> list[Floats]:
        """For each record, told what is earlier in every way: how much better than all ways on average each made of its answer.

        Of a choice: of the answer taken, less that of the one left.
        """
        plain = [ask(r.prompt, max_tokens=self.answer_tokens) for r, _ in asked]
        ways = [self._ways(earlier, r.prompt) for r, earlier in asked]
        told = [[build(request, own[way], lm) for way in WAYS] for request, own in zip(plain, ways, strict=True)]
        chosen = {place: Record(r.prompt, r.other, r.time) for place, (r, _) in enumerate(asked) if r.kind == "choice"}
        wanted = [(r, own) for (r, _), own in zip(asked, told, strict=True)]
        raw = worths(lm, wanted + [(left, told[place]) for place, left in chosen.items()], self.by) if asked else []
        made, others = raw[: len(asked)], dict(zip(chosen, raw[len(asked) :], strict=True))
        own = [one - others[place] if place in others else one for place, one in enumerate(made)]
        return [np.clip(one - one.mean(), -0.5, 0.5) for one in own]

    def _learnt(self, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
        """The arrays with a network that was taught all that they hold: gains, and ratings above the person's usual one."""
        seen = [arrays[name] for name in ("own seen", "seen") if name in arrays]
        gains = [arrays["own gain"]] if "own gain" in arrays else []
        gains += [one - (one.sum() + 1) / (len(one) + 2) for name, one in arrays.items() if name == "reward"]
        return {**arrays, **as_arrays(self._untaught().learnt(np.concatenate(seen), np.concatenate(gains), self.ridge, self.steps))}

    def _untaught(self) -> Neural:
        return Neural.untaught(SIZE, self.hidden, self.ridge, seed=self.seed)

    def _reward(self, record: Record) -> float | None:
        """Of a rating, 0 to 1; None for what is no rating, or no number."""
        low, high = self.scale
        try:
            points = float(record.answer) if record.kind == "rating" else float("nan")
        except ValueError:
            return None
        return float(np.clip((points - low) / (high - low), 0, 1)) if np.isfinite(points) else None

    def _ways(self, records: History, question: str) -> dict[str, list[Section]]:
        near = quoted(rank(records, "bm25").search(question, self.k))
        text = profile(records.made("described", describe))
        return dict(zip(WAYS, [[], [near], [text], [text, near], [quoted(records.newest(self.k))]], strict=True))


def features(records: History, question: str) -> Floats:
    """(WAYS, SIZE): of each way, in places of its own: 1, how long the question is, how much of it the records have, how many they are."""
    said = set(words(about(question)))
    held = records.made("held", lambda own: {word for record in own for word in words(f"{about(record.prompt)}\n{record.answer}")})
    context = [1.0, np.log1p(len(said)) / 5, len(said & held) / max(len(said), 1), np.log1p(len(records)) / 5]
    return apart(np.array(context), len(WAYS))


SIZE = 4 * len(WAYS)
