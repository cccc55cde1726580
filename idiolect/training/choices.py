"""A person's preferences as pairs to train on: what they took over what they left, told earlier records; or their own text over a draft."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from idiolect.models.lm import LM
from idiolect.training.feedback import sample
from idiolect.training.loop import Pair
from idiolect.training.pairs import pair_of
from idiolect.training.preference import Preference
from idiolect.types import WRITTEN, History, Record, User

STATED = frozenset({"choice", "edit"})  # kinds of records that hold both sides of a preference
PREFERRING = STATED | WRITTEN  # what a method that learns from preferences reads


@dataclass(frozen=True)
class Taking:
    """Which preferences are taken: of everybody's `newest`, each told `k` strictly earlier records that they wrote.

    A draft is the model's answer in `answer_tokens` at most, greedy, or drawn at `temperature` by `seed`. `at_most` bounds what people
    teach together.
    """

    k: int = 0
    newest: int = 32
    answer_tokens: int = 32
    temperature: float = 0.0
    at_most: int = 384
    seed: int = 0


def preferences(user: User, k: int = 0, newest: int = 32) -> list[Preference]:
    """The person's `newest` choices and edits: what they took, or left standing, and what they left, or were given as a draft.

    Each is told `k` strictly earlier records that they wrote themselves. Where both sides are the same, or one is blank, nothing is
    preferred.
    """
    chosen = stated(user.records).newest(newest)
    return [(*pair, record.other) for pair, record in zip(_told(user, chosen, k), chosen, strict=True)]


def drafted(lm: LM, jobs: Sequence[Sequence[Pair]], tokens: int = 32, temperature: float = 0.0, seed: int = 0) -> list[list[Preference]]:
    """Each job's pairs with what the model itself answers as what is rejected; a pair that the model answers in the same words is left out.

    The requests' bends hold while it answers. Equal requests are put once.
    """
    asked = list(dict.fromkeys(request for pairs in jobs for request, _ in pairs))
    replies = lm.generate([request.sampled(max_tokens=tokens, temperature=temperature, seed=seed) for request in asked])
    said = {request: reply.text for request, reply in zip(asked, replies, strict=True)}
    return [[(r, answer, said[r]) for r, answer in pairs if said[r].strip() != answer.strip()] for pairs in jobs]


def preferences_of(lm: LM, users: Sequence[User], taking: Taking) -> list[list[Preference]]:
    """Each person's preferences; of somebody who stated none, what they wrote over the model's drafts. Company changes nothing."""
    return _made(lm, users, [telling(user.records).newest(taking.newest) for user in users], taking)


def preferences_together(lm: LM, users: Sequence[User], taking: Taking) -> tuple[list[Preference], list[int]]:
    """Everyone's preferences in one list, for what people teach together, and the place of each one's person in `users`.

    At most `taking.at_most`, drawn by its seed; a draft is written only for what was drawn.
    """
    everyone = [(who, record) for who, user in enumerate(users) for record in telling(user.records).newest(taking.newest)]
    kept = sample(everyone, taking.at_most, taking.seed)
    each = _made(lm, users, [[record for whose, record in kept if whose == who] for who in range(len(users))], taking)
    return [one for own in each for one in own], [who for who, own in enumerate(each) for _ in own]


def stated(records: Iterable[Record]) -> History:
    """The choices and edits that prefer something to something else."""
    return History(r for r in records if r.kind in STATED and r.answer.strip() and r.other.strip() and r.answer.strip() != r.other.strip())


def telling(records: History) -> History:
    """The records that preferences are made of: those that state one, or else what the person wrote."""
    found = stated(records)
    return found if len(found) else History(record for record in records.of(WRITTEN) if record.answer.strip())


def _made(lm: LM, users: Sequence[User], chosen: Sequence[Sequence[Record]], taking: Taking) -> list[list[Preference]]:
    """The preferences of each person's `chosen` records, either all stated or none; drafts are written for all people at once."""
    told = [_told(user, own, taking.k) for user, own in zip(users, chosen, strict=True)]
    sure = [bool(len(stated(own))) for own in chosen]
    drafts = drafted(
        lm, [[] if said else own for own, said in zip(told, sure, strict=True)], taking.answer_tokens, taking.temperature, taking.seed
    )
    both = [[(*pair, record.other) for pair, record in zip(pairs, own, strict=True)] for pairs, own in zip(told, chosen, strict=True)]
    return [one if said else other for one, other, said in zip(both, drafts, sure, strict=True)]


def _told(user: User, chosen: Sequence[Record], k: int) -> list[Pair]:
    written = User(user.id, user.records.of(WRITTEN))
    return [pair_of(written, record, k) for record in chosen]
