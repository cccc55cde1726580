"""Rankers of a person's records, by name and by class, and their fusion."""

from collections.abc import Callable, Mapping, Sequence

from idiolect.errors import MethodError
from idiolect.retrieval.bm25 import BM25
from idiolect.retrieval.dense import Dense
from idiolect.retrieval.fusion import Fusion, fuse
from idiolect.retrieval.plain import Random, Recency
from idiolect.retrieval.ranker import Ranker
from idiolect.types import History, Record

RANKERS: Mapping[str, Callable[[Sequence[Record]], Ranker]] = {"bm25": BM25, "dense": Dense, "recency": Recency, "random": Random}


def rank(records: Sequence[Record], by: str) -> Ranker:
    """The ranker of that name over these records; of a History it is made once. Raises MethodError with the names there are."""
    if by not in RANKERS:
        raise MethodError(f"no ranker is called {by!r}; there are {', '.join(RANKERS)}")
    return records.made(("rank", by), RANKERS[by]) if isinstance(records, History) else RANKERS[by](records)


__all__ = ["BM25", "RANKERS", "Dense", "Fusion", "Random", "Ranker", "Recency", "fuse", "rank"]
