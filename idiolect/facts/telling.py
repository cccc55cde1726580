"""How facts are told, and which may not be: by the person's own orders ("never mention my divorce") and by the operator's patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from idiolect.errors import MethodError
from idiolect.facts.extract import recalled
from idiolect.facts.keep import FORBIDDEN, current
from idiolect.prompt import Piece, Section
from idiolect.retrieval.bm25 import words
from idiolect.types import Fact

ABOUT = "What this person said of themselves:"
STEM = 5  # letters that forms of a word share


def told(facts: Iterable[Fact], heading: str = ABOUT) -> Section:
    """A section of facts, best first, each marked as recalled and named with the records it comes from."""
    named = [(fact, (f"fact:{fact.id}", *(f"record:{source}" for source in fact.sources))) for fact in facts]
    return Section(tuple(Piece(recalled(fact.text), because, fact.since) for fact, because in named), heading, join="\n")


def forbidden(facts: Iterable[Fact], patterns: Sequence[str] = ()) -> Callable[[str], bool]:
    """Whether a text may not be told: it has all words of an order that holds, in whatever form, or a pattern is found in it.

    A pattern is a regular expression, read without case. Raises MethodError for one that is none.
    """
    try:
        found = [re.compile(pattern, re.IGNORECASE) for pattern in patterns]
    except re.error as error:
        raise MethodError(f"forbid has a pattern that is no regular expression ({error}): {list(patterns)}") from None
    orders = [_stems(fact.key.partition(":")[2]) for fact in current(facts) if fact.kind == FORBIDDEN]
    orders = [order for order in orders if order]
    if not found and not orders:
        return lambda text: False

    def may_not(text: str) -> bool:
        if any(pattern.search(text) for pattern in found):
            return True
        said = _stems(text) if orders else set()
        return any(order <= said for order in orders)

    return may_not


def _stems(text: str) -> set[str]:
    return {word[:STEM] for word in words(text)}
