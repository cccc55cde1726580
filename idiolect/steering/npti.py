"""NPTI: neurons that are active more often where the person's records are told are strengthened while the answer is written.

Deng, Tang, Yin, Yang, Zhao, Wen. Neuron-based Personality Trait Induction in Large Language Models. ICLR 2025, arXiv:2410.12327.

With a = SiLU(W_gate h) at a generated token, and d by how much more often a neuron is active under the person's prompt: the person's
neurons a + gamma q95 sigmoid(10 (d - 0.15)), those of the other prompt min(a, 0). Departs from the paper: the prompts are the question with
the person's strictly earlier records and without, in place of two poles of a trait described; the 2,000 neurons that are taken at least
are a share, for models differ in size; gamma is chosen for each person by the likelihood of their newest records, which the neurons have
not seen, and 0 is among the choices. The released code strengthens a random nine tenths of the neurons at every step, so that a greedy
answer is not repeatable: here all, or the share `keep`, drawn by the seed once for an answer. It knows a decode step by its few tokens,
which a long batch has not; here scope is marked token by token. Its histograms end at 3; here they grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.neurons import activity, found, induced
from idiolect.training.pairs import pair_of
from idiolect.training.vectors import strongest
from idiolect.types import Record, Request, State, User, ask


@dataclass
class NPTI(Method):
    """The `share` of all neurons that differ most between answers with `k` of the person's records told and without; one of `gammas`."""

    needs: ClassVar[frozenset[str]] = frozenset({"steering", "logprobs"})
    quotes: ClassVar[bool] = False
    k: int = 4
    newest: int = 16
    share: float = 0.0044  # 2,000 of the 458,752 of the paper's model
    gammas: tuple[float, ...] = (0.0, 0.6, 1.0, 1.4)
    answer_tokens: int = 32
    keep: float = 1.0
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        each = [_parts(user, self.newest) for user in users]
        told = [[pair_of(user, record, self.k)[0] for record in read] for user, (read, _) in zip(users, each, strict=True)]
        plain = [[ask(record.prompt) for record in read] for read, _ in each]
        asked = [request.sampled(max_tokens=self.answer_tokens) for some in (told, plain) for own in some for request in own]
        texts = iter([reply.text for reply in lm.generate(asked)])
        under = [[[next(texts) for _ in own] for own in some] for some in (told, plain)]
        rows = zip(told, plain, *under, [tried for _, tried in each], strict=True)
        return [self._state(lm, (with_, mine), (without, theirs), tried) for with_, without, mine, theirs, tried in rows]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        gamma = state.numbers.get("gamma", 0.0)
        if not gamma:
            return request
        seed = f"{self.seed}/{request.sampling.seed}"
        return request.bent(steering=induced(lm, state.arrays, gamma, f"npti x{gamma:g}", self.keep, seed))

    def _state(
        self, lm: LM, own: tuple[Sequence[Request], Sequence[str]], other: tuple[Sequence[Request], Sequence[str]], tried: Sequence[Record]
    ) -> State:
        if not own[0]:
            return State()
        arrays = found(activity(lm, *own), activity(lm, *other), self.share)
        pairs = [(ask(record.prompt), record.answer) for record in tried]
        gamma = strongest(lm, pairs, self.gammas, lambda times: induced(lm, arrays, times, "tried"))
        return State(numbers={"gamma": gamma}, arrays=arrays)


def _parts(user: User, newest: int) -> tuple[list[Record], list[Record]]:
    """Of the newest records, those whose questions are read, each with something earlier to tell, and the last quarter, to be tried."""
    kept = list(user.records.newest(newest))
    tried = max(1, len(kept) // 4)
    return [record for record in kept[:-tried] if len(user.records.before(record))], kept[-tried:]
