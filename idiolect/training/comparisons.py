"""What people preferred, as pairs of answers to one question, and how replies are drawn and the best of them given."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.data.splits import is_number
from idiolect.models.lm import LM
from idiolect.training.reward_models import features
from idiolect.types import WRITTEN, Floats, Record, Reply, Request, User, ask

PREFERRING: frozenset[str] = frozenset({"choice", "edit", "rating"})  # kinds of records that compare answers


@dataclass(frozen=True, slots=True)
class Comparison:
    """A question, the answer that a person preferred, the one they left, and the record that says so."""

    question: str
    better: str
    worse: str
    record: Record


def compared(records: Iterable[Record]) -> list[Comparison]:
    """The comparisons in a person's records, in their order: choices, edits of a draft, and rated replies to one question, the higher
    against each lower one. What is compared with itself or with nothing says nothing and is left out."""
    made: list[Comparison] = []
    rated: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record.kind in ("choice", "edit"):
            made.append(Comparison(record.prompt, record.answer, record.other, record))
        elif record.kind == "rating" and is_number(record.answer) and np.isfinite(float(record.answer)):
            for before in rated[record.prompt]:
                ahead, behind = (record, before) if float(record.answer) > float(before.answer) else (before, record)
                if float(ahead.answer) > float(behind.answer):
                    made.append(Comparison(record.prompt, ahead.other, behind.other, record))
            rated[record.prompt].append(record)
    return [one for one in made if one.better.strip() and one.worse.strip() and one.better.strip() != one.worse.strip()]


def preferences(users: Sequence[User], lm: LM, newest: int, answer_tokens: int) -> list[list[Comparison]]:
    """Each person's `newest` comparisons; of who made none, what they wrote themselves against the model's greedy draft.

    Drafts are asked for plainly, so no record is told in any of them. `newest` 0 asks for none and gives none.
    """
    made: list[list[Comparison]] = [compared(user.records)[-newest:] if newest else [] for user in users]
    own = [(who, record) for who, user in enumerate(users) if newest and not made[who] for record in written(user, newest)]
    drafts = lm.generate([ask(record.prompt, max_tokens=answer_tokens) for _, record in own]) if own else []
    for (who, record), draft in zip(own, drafts, strict=True):
        made[who] += compared([Record(record.prompt, record.answer, record.time, record.id, "edit", draft.text)])
    return made


def sides(own: Sequence[Comparison], by: str, contexts: Sequence[str] = ()) -> tuple[Floats, Floats]:
    """Features of the better and of the worse answers, both (comparisons, features); `contexts` are of `reward_models.features`."""
    asked = [one.question for one in own]
    return features(asked, [one.better for one in own], by, contexts), features(asked, [one.worse for one in own], by, contexts)


def written(user: User, newest: int) -> list[Record]:
    """The person's `newest` texts of their own that answer something."""
    return [record for record in user.records.of(WRITTEN) if record.prompt.strip() and record.answer.strip()][-newest:]


def several(request: Request, drawn: int, temperature: float) -> list[Request]:
    """The request as it is answered greedily, and `drawn` times at `temperature`, each with a seed of its own."""
    seeds = range(request.sampling.seed, request.sampling.seed + drawn)
    return [request.sampled(temperature=0.0), *(request.sampled(temperature=temperature, seed=seed) for seed in seeds)]


def best(replies: Sequence[Reply], worth: Floats, because: Sequence[str] = ()) -> Reply:
    """The reply that is worth most at the cost of all; of equals the first, an empty one only where all are."""
    said = np.array([bool(reply.text.strip()) for reply in replies])
    ranked = np.where(said, worth, -np.inf) if said.any() else np.zeros(len(replies))
    chosen = replies[int(ranked.argmax())].chosen_of(replies)
    return replace(chosen, because=(*chosen.because, *because))
