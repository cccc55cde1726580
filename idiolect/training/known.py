"""What is known of a person before a question is answered: how they write, what they said of themselves, and records near to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from idiolect.facts.extract import by_rules
from idiolect.facts.keep import FORBIDDEN, current, remember
from idiolect.facts.profile import counted
from idiolect.facts.telling import forbidden, told
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval import rank
from idiolect.types import Fact, History, Record, Request
from idiolect.wording import quote_one

ORDER = "forbid:"  # begins the key of what a person ordered not to be told, and of the end of such an order


class Known(NamedTuple):
    """How a person writes ("" for nobody), their facts, newest first, and records near to a question, nearest first."""

    manner: str = ""
    facts: tuple[Fact, ...] = ()
    near: tuple[Record, ...] = ()

    def tell(self, request: Request, lm: LM) -> Request:
        """The request told all of this, within the model's window; the manner, which may be clipped, takes what the others leave."""
        return build(request, [told(self.facts), quoted(self.near), profile(self.manner)], lm)


def known(records: History, question: str, k: int, facts: int, read: int, ranker: str = "bm25") -> Known:
    """Of `records`: the `k` nearest to the question, and from the last `read` how the person writes and at most `facts` facts.

    What they ordered not to be told, however long ago, is neither among the facts nor in a record that is quoted.
    """
    manner, holding, orders = records.made(("known", read), lambda own: _read(own, read))
    may_not = forbidden(orders)
    near = rank(records, ranker).search(question, k) if k else []
    return Known(
        manner,
        tuple(fact for fact in holding if not may_not(fact.text))[:facts],
        tuple(record for record in near if not may_not(quote_one(record))),
    )


def _read(records: History, newest: int) -> tuple[str, tuple[Fact, ...], tuple[Fact, ...]]:
    """How the person writes, the facts that hold, newest first, and their orders."""
    found: Sequence[list[Fact]] = records.each("facts by rules", by_rules)
    first = len(records) - newest
    holding = current(remember((), [one for at, some in enumerate(found) for one in some if at >= first or one.key.startswith(ORDER)]))
    orders = tuple(fact for fact in holding if fact.kind == FORBIDDEN)
    return counted(records.newest(newest)), tuple(fact for fact in reversed(holding) if fact.kind != FORBIDDEN), orders
