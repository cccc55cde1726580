"""Which sources of knowledge a question is told, as a sequence in a small grammar, and how relevant what they give is, in tenths.

After UniMS-RAG: Wang, Huang, Deng, Wang, Wang, Wang, Mi, Pan, Wong. UniMS-RAG: A Unified Multi-source Retrieval-Augmented Generation
for Personalized Dialogue Systems. 2024, arXiv:2401.13256.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from idiolect.errors import RequestError

SOURCES = ("profile", "records")  # in the order in which they are called on
NULL, END = "null", "end"
Plan = tuple[str, ...]


def allowed(begun: Sequence[str]) -> tuple[str, ...]:
    """What may follow `begun`: null alone, or one or more sources in their order, and then the end. Raises RequestError off the grammar."""
    if not begun:
        return (NULL, *SOURCES)
    *before, last = begun
    if last not in allowed(before) or last == END:
        raise RequestError(f"{' '.join(begun)} is no sequence of sources: it is null, or some of {', '.join(SOURCES)} in this order")
    return (END,) if last == NULL else (*SOURCES[SOURCES.index(last) + 1 :], END)


def plans() -> tuple[Plan, ...]:
    """Every whole sequence of the grammar, without its end; null is ()."""
    made: list[Plan] = [()]
    for begun in made:  # grows as it is read: each sequence is followed by all that it can go on to
        made += [(*begun, source) for source in allowed(begun) if source not in (NULL, END)]
    return tuple(made)


def decoded(score: Callable[[Plan], Mapping[str, float]]) -> Plan:
    """The sequence made by taking, each time, the token that `score` of what is begun likes best among those allowed; null is ()."""
    begun: Plan = ()
    while True:
        likes = score(begun)
        token = max(allowed(begun), key=lambda one: likes.get(one, float("-inf")))
        if token in (NULL, END):
            return begun
        begun = (*begun, token)


def whole(scores: Mapping[Plan, float]) -> Callable[[Plan], dict[str, float]]:
    """The score of tokens that leads `decoded` to the best of whole sequences: a token counts as the best that it can still become."""

    def likes(begun: Plan) -> dict[str, float]:
        rest = {plan[len(begun) :]: score for plan, score in scores.items() if plan[: len(begun)] == begun}
        stop = END if begun else NULL
        made = {token: [score for left, score in rest.items() if (left or (stop,))[0] == token] for token in allowed(begun)}
        return {token: max(found) for token, found in made.items() if found}

    return likes


def tenths(relevance: float) -> int:
    """The bin, 0 to 10, of a relevance between 0 and 1; what lies outside is brought to the nearer end."""
    return round(10 * min(max(relevance, 0.0), 1.0))


def relevance(bin_: int) -> float:
    """The middle of a bin: within 0.05 of all that `tenths` puts there. Raises RequestError for a bin that is none."""
    if not 0 <= bin_ <= 10:
        raise RequestError(f"a bin of relevance is 0 to 10, not {bin_}")
    return bin_ / 10
