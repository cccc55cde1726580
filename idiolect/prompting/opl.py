"""OPL: which prompt a question is put with, by a policy learnt from replies that were rated or chosen, whichever prompts they came from.

Kiyohara, Cao, Saito, Joachims. Prompt Optimization with Logged Bandit Data. RecSys 2025, arXiv:2504.02646; ICLR workshop 2024.

A prompt is a way of telling: what is told of the person, and a line on how to answer. DSO compares sentences: a reply that was liked
speaks for every prompt whose answer is near to it, so that nobody need know which prompt it came from. Learnt is a policy of everybody,
and each person's, held to that one. Departs from the paper: prompts are few enough that all are asked, once each, in place of one drawn
at every step; the density of logged replies is a sum over prompts with the same kernel, where the paper regresses it; the kernel is over
unit vectors of hashed words. Ratings heard by `observe` log prompt and chances, for "is", "dr" and "dm"; before, chances were equal. What a
person wrote themselves counts as a reply they chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, profile, quoted
from idiolect.retrieval import rank
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.embedders import SLOTS, embed
from idiolect.training.bandits import best, played
from idiolect.training.feedback import sample
from idiolect.training.logged import KEPT, Log, Play, Softmax, direct, heard, learnt, plays
from idiolect.types import WRITTEN, Floats, History, Record, Request, State, User, ask, digest
from idiolect.wording import about, describe

SOURCES = ("nothing", "nearest", "newest", "profile", "profile and nearest")
FEATURES = 3


@dataclass
class OPL(Method):
    """Prompts are SOURCES, of `k` records each, with every one of `lines`; plays are the `newest` replies of a person that were judged.

    `estimator` is "dso", "is", "dr" or "dm", the kernel of "dso" `width` wide; policies are held to where they start as by `hold` plays.
    The best prompt is put, any at all with the chance `explore`.
    """

    reads: ClassVar[frozenset[str]] = WRITTEN | {"rating", "choice"}
    k: int = 4
    lines: tuple[str, ...] = ("", "Keep it short.")
    estimator: str = "dso"
    width: float = 0.5
    hold: float = 1.0
    explore: float = 0.1
    newest: int = 4
    shared_plays: int = 64
    scale: tuple[float, float] = (1.0, 5.0)
    answer_tokens: int = 32
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        every = [(who, play) for who, user in enumerate(users) for play in self._plays(user)]
        chosen = sample(every, self.shared_plays, self.seed)
        own = [[play for whose, play in chosen if whose == who] for who in range(len(users))]
        credits = self._credits(users, own, [{}] * len(users), lm)
        contexts = np.concatenate([np.zeros((0, FEATURES)), *(seen for seen, _ in credits)])
        earned = np.concatenate([np.zeros((0, self._count)), *(one for _, one in credits)])
        self.shared = State(arrays={"weights": self._held(Softmax(np.zeros((FEATURES, self._count))), contexts, earned)})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        return self._enrolled(users, [{}] * len(users), lm)

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        log = {name: array for name, array in state.arrays.items() if name in KEPT}
        return self._enrolled([user], [log], lm)[0]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        arrays, written = dict(state.arrays), user.records.of(WRITTEN)
        for record in new:
            if record.kind == "rating" and len(earlier := written.before(record)):
                arrays |= heard(arrays, record, *self._choice(arrays, earlier, record.prompt))
        return replace(state, records=user.records, arrays=arrays)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        records = state.records.of(WRITTEN)
        if not len(records):
            return request
        way, chances = self._choice(state.arrays, records, request.question)
        source, line = divmod(way, len(self.lines))
        name = " and ".join(filter(None, [SOURCES[source], self.lines[line]]))
        asked = replace(request, because=(*request.because, f"prompt:{name}, chance {chances[way]:.2f}"))
        return build(asked, self._prompts(records, request.question)[way], lm)

    def _enrolled(self, users: Sequence[User], logs: Sequence[Mapping[str, Floats]], lm: LM) -> list[State]:
        credits = self._credits(users, [self._plays(user) for user in users], logs, lm)
        made = [self._held(Softmax(self._weights(self.shared.arrays)), *own) for own in credits]
        return [State(records=u.records, arrays={**log, "weights": w}) for u, w, log in zip(users, made, logs, strict=True)]

    def _credits(
        self, users: Sequence[User], judged: Sequence[Sequence[Play]], logs: Sequence[Mapping[str, Floats]], lm: LM
    ) -> list[tuple[Floats, Floats]]:
        """Each person's contexts (plays, FEATURES) and credits (plays, prompts)."""
        known: list[Log] = []
        before: list[tuple[History, Play]] = []
        for user, own, kept in zip(users, judged, logs, strict=True):
            earlier = [user.records.of(WRITTEN).before(play.record) for play in own]
            contexts = [_context(records, play.record.prompt) for records, play in zip(earlier, own, strict=True)]
            known.append(Log.of(own, np.array(contexts).reshape(-1, FEATURES), kept, self._count))
            before += zip(earlier, own, strict=True)
        if self.estimator != "dso":
            return [log.credits(self.estimator) for log in known]
        drawn, made = iter(self._drawn(before, lm)), []
        for log, own in zip(known, judged, strict=True):
            near = np.array([next(drawn) for _ in own]).reshape(len(own), self._count, SLOTS)
            made.append((log.contexts, direct(embed([play.reply for play in own]), near, log.chances, log.rewards, self.width)))
        return made

    def _drawn(self, before: Sequence[tuple[History, Play]], lm: LM) -> Floats:
        """(plays, prompts, SLOTS): what the model answers to each play's question in every prompt, told what was earlier."""
        plain = [ask(play.record.prompt, max_tokens=self.answer_tokens) for _, play in before]
        told = [self._prompts(records, one.question) for (records, _), one in zip(before, plain, strict=True)]
        put = [build(one, prompt, lm) for one, prompts in zip(plain, told, strict=True) for prompt in prompts]
        different = list(dict.fromkeys(put))
        said = dict(zip(different, (reply.text for reply in lm.generate(different)), strict=True)) if put else {}
        return embed([said[request] for request in put]).reshape(len(before), self._count, SLOTS)

    def _plays(self, user: User) -> list[Play]:
        return plays(user.records, self.scale)[-self.newest :]

    def _held(self, start: Softmax, contexts: Floats, credits: Floats) -> Floats:
        return learnt(start, contexts, credits, self.hold / max(len(contexts), 1)).weights

    def _weights(self, arrays: Mapping[str, Floats]) -> Floats:
        return arrays["weights"] if "weights" in arrays else np.zeros((FEATURES, self._count))

    @property
    def _count(self) -> int:
        return len(SOURCES) * len(self.lines)

    def _choice(self, arrays: Mapping[str, Floats], records: History, question: str) -> tuple[int, Floats]:
        """The prompt that is put and the chances of all; the same whenever the question is put to this state."""
        scores = _context(records, question) @ self._weights(arrays if "weights" in arrays else self.shared.arrays)
        chances = best(scores, self.explore)
        return played(chances, int(digest("lot", str(self.seed), question), 16) / 16**16), chances

    def _prompts(self, records: History, question: str) -> list[list[Section]]:
        """What is told in each prompt: sources in their order, each with every line."""
        near, text = quoted(rank(records, "bm25").search(question, self.k)), profile(records.made("described", describe))
        told = [[], [near], [quoted(records.newest(self.k))], [text], [text, near]]
        return [[*source, Section((Piece(line),) if line else ())] for source in told for line in self.lines]


def _context(records: History, question: str) -> Floats:
    """(FEATURES,): 1, how long the question is, and how much of it the records have."""
    said = set(words(about(question)))
    held = records.made("held", lambda own: {word for record in own for word in words(f"{about(record.prompt)}\n{record.answer}")})
    return np.array([1.0, np.log1p(len(said)) / 5, len(said & held) / max(len(said), 1)])
