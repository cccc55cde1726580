"""PerSE: the model judges several answers as this reader would, from how they judged before, and the best by that is given.

Wang, Yang, Zhu, Yang, Cohen, Li, Tian. Learning Personalized Alignment for Evaluating Open-ended Text Generation. EMNLP 2024,
arXiv:2310.03304.

A reader who scored replies is asked for by score, one who chose between replies by choice, each answer against the greedy one, both ways
round. Departs from the paper: the model is prompted, and not fine-tuned to judge; answers are chosen, where the paper only judges them.
Departs from the released code: a judgement that cannot be read is neither dropped nor a score of -1; it never wins, and how many there
were is told in the reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from idiolect.data.splits import is_number
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.retrieval import rank
from idiolect.training.comparisons import best, compared, several
from idiolect.training.reviews import choosing, read_choice, read_score, scoring
from idiolect.types import Floats, History, Record, Reply, Request, State, User


@dataclass
class PerSE(Method):
    """The `k` judgements nearest to the question are told; `drawn` answers beside the greedy one; scores on `scale`."""

    reads: ClassVar[frozenset[str]] = frozenset({"rating", "choice", "edit"})
    k: int = 3
    drawn: int = 3
    temperature: float = 0.8
    scale: tuple[float, float] = (1.0, 5.0)
    score_tokens: int = 48

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        rated, chosen = judged(state.records)
        near = rank(rated or chosen, "bm25").search(request.question, self.k)
        if not near:
            return request
        replies = lm.generate(several(request, self.drawn, self.temperature))
        texts = [reply.text for reply in replies]
        asked = self.asking(request.question, texts, near, lm)
        said = lm.generate(asked)
        worth = np.array(self.scores(said)) if rated else self.wins(said)
        missed = int(np.isnan(worth).sum()) if rated else sum(read_choice(one.text) is None for one in said)
        told = [f"record:{record.id}" for record in near]
        reply = best(replies, np.nan_to_num(worth, nan=-np.inf), [*told, f"judgements: {len(said) - missed} of {len(said)} read"])
        return reply.chosen_of([*replies, *said])

    def quotable(self, user: User) -> History:
        return super().quotable(self.readable(user))

    def asking(self, question: str, texts: Sequence[str], near: Sequence[Record], lm: LM) -> list[Request]:
        """What is asked of the judge: the score of each answer; or of each but the first whether it is chosen, both ways round."""
        if near[0].kind == "rating":
            return [scoring(question, text, near, self.scale, lm, self.score_tokens) for text in texts]
        return [choosing(question, *pair, near, lm) for text in texts[1:] for pair in ((text, texts[0]), (texts[0], text))]

    def scores(self, said: Sequence[Reply]) -> list[float]:
        """The scores that were given; NaN for one that cannot be read."""
        read = [read_score(one.text, self.scale) for one in said]
        return [float("nan") if one is None else one for one in read]

    def wins(self, said: Sequence[Reply]) -> Floats:
        """How often each answer was chosen before the greedy one, 0 to 1; what cannot be read is no choice. The greedy one has a half."""
        read = [read_choice(one.text) for one in said]
        won = [(float(first == "A") + float(second == "B")) / 2 for first, second in zip(read[::2], read[1::2], strict=True)]
        return np.array([0.5, *won])


def judged(records: History) -> tuple[History, History]:
    """A person's scores of replies, and their choices and edits of two different ones."""
    rated = History(record for record in records.of({"rating"}) if is_number(record.answer) and record.other.strip())
    return rated, History(one.record for one in compared(records.of({"choice", "edit"})))
