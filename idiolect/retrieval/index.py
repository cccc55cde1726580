"""The index of a store: one person's nearest records by vectors that are kept, by words, or by both; and the way to another embedder."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from idiolect.errors import MethodError, RequestError
from idiolect.retrieval.bm25 import BM25, words
from idiolect.retrieval.encoding import Embedder, encoded, space_of
from idiolect.retrieval.fusion import fuse
from idiolect.retrieval.ranker import indexed
from idiolect.store import Receipt, Store
from idiolect.store.recent import Recent
from idiolect.store.spaces import Kept
from idiolect.types import History, Record
from idiolect.wording import about

WAYS = ("dense", "words", "both")
AT_ONCE = 1024  # texts that are embedded together: an embedder is several times as fast in batches
CACHED = 200_000  # records whose words stay in memory


class Progress(NamedTuple):
    """How far a store's vectors are: people that are done, all people, and records embedded in this run."""

    done: int
    people: int
    records: int


class Served(NamedTuple):
    """An embedder and the space that its vectors lie in."""

    embedder: Embedder
    space: Kept


class Index:
    """People's records in `store`, found by the vectors of `embedder`, or by words alone where there is none.

    A record is found from the moment that `add` returns: by its words until `complete` has made its vector, which it does in
    batches over all people (call it from a worker, after an import, on a timer; what was interrupted goes on where it was).
    Vectors of two embedders are never compared: an embedder other than the store's raises StoreError, and `reindex` is the way
    to another one. Threads may share an index, processes a store.
    """

    def __init__(self, store: Store, embedder: Embedder | None = None) -> None:
        self.store = store
        self._given = embedder
        self._now: Served | None = None
        self._next: Served | None = None
        self._words: Recent[str, tuple[tuple[float, int] | None, History]] = Recent(CACHED)

    @property
    def embedder(self) -> Embedder | None:
        """What answers now."""
        return self._now.embedder if self._now else self._given

    def add(self, user_id: str, records: Iterable[Record]) -> int:
        """Keep records, on the disk and found by their words when this returns; how many were new. Raises as `Store.add`."""
        return self.store.add(user_id, records)

    def complete(self, tell: Callable[[Progress], None] | None = None, at_once: int = AT_ONCE) -> int:
        """Make the vectors that are lacking; how many. `tell` hears after each batch. Raises StoreError for another embedder's store."""
        return self._fill(self._serving(), tell, at_once)

    def waiting(self) -> int:
        """How many people have records that may have no vector yet. Raises StoreError for another embedder's store."""
        return self.store.vectors.people(self._serving().space)[0]

    def search(self, user_id: str, query: str, k: int = 5, by: str = "") -> list[Record]:
        """The `k` records of a person nearest to `query`, best first.

        `by` is "dense" (by vectors; records without one yet by their words), "words" (BM25) or "both", fused by their ranks; left
        out, "dense" where there is an embedder. Raises StoreError for an unknown person, and for another embedder's store.
        """
        if k < 0:
            raise RequestError(f"k is how many records to find, 0 or more, not {k}")
        by = by or ("dense" if self.embedder else "words")
        if by not in WAYS:
            raise MethodError(f"an index is not searched by {by!r}; there are {', '.join(WAYS)}")
        found = []
        if by != "dense":
            found.append(self._by_words(user_id, query, k))
        if by != "words":
            found.extend(self._by_vectors(user_id, query, k))
        return found[0] if len(found) == 1 else fuse(found)[:k]

    def erase(self, user_id: str) -> Receipt:
        """Remove everything of a person, as `Store.erase` does, and let go of their words here."""
        self._words.drop([user_id])
        return self.store.erase(user_id)

    def reindex(self, embedder: Embedder, tell: Callable[[Progress], None] | None = None, at_once: int = AT_ONCE) -> int:
        """Make everybody's vectors anew with `embedder`, and go over to it when the last is made; how many were made in this run.

        Meanwhile searches go on: here each person is asked in the new space once all of theirs is there, and until then, as
        everywhere else, in the old one, which is deleted at the very end. What was killed goes on where it was when it is called
        again; records added meanwhile, by whomever, are taken along. Raises whatever `embedder` raises; nothing is lost then.
        """
        coming = Served(embedder, self.store.vectors.begin(space_of(embedder)))
        self._next, made = coming, 0
        while True:
            made += self._fill(coming, tell, at_once, made)
            if self.store.vectors.finish(coming.space):
                break
        self._now, self._next = coming, None
        return made

    def _fill(self, into: Served, tell: Callable[[Progress], None] | None, at_once: int, made: int = 0) -> int:
        vectors, count = self.store.vectors, 0
        while waiting := vectors.missing(into.space, at_once):
            texts = [indexed(record) for one in waiting for record in one.records]
            all_of_them, ends = encoded(into.embedder, texts), 0
            batch = []
            for one in waiting:
                begins, ends = ends, ends + len(one.rows)
                batch.append((one, all_of_them[begins:ends]))
            count += vectors.put(into.space, batch)
            if tell:
                left, people = vectors.people(into.space)
                tell(Progress(people - left, people, made + count))
        return count

    def _serving(self, user_id: str | None = None) -> Served:
        """What answers for a person: while another embedder is coming, that one, once it has all of theirs."""
        coming = self._next
        if user_id is not None and coming and self.store.vectors.complete(coming.space, user_id):
            return coming
        if self._now is None:
            if self._given is None:
                raise MethodError("this index has no embedder; make it with one, or search by words")
            self._now = Served(self._given, self.store.vectors.open(space_of(self._given)))
        return self._now

    def _by_vectors(self, user_id: str, query: str, k: int) -> list[list[Record]]:
        served = self._serving(user_id)
        vector = encoded(served.embedder, [about(query)])[0]
        found = self.store.vectors.search(served.space, user_id, vector, k)
        if not found.pending:
            return [found.records]
        asked = set(words(about(query)))
        near = BM25(found.pending).search(query, k)
        return [found.records, [record for record in near if asked & set(words(indexed(record)))]]

    def _by_words(self, user_id: str, query: str, k: int) -> list[Record]:
        version, held = self.store.version(user_id), self._words.get(user_id)
        if held is None or held[0] != version:
            self._words.drop([user_id])
            held = (version, self.store.user(user_id).records)
            self._words.put(user_id, held, len(held[1]))
        return held[1].made(("bm25", "index"), BM25).search(query, k)
