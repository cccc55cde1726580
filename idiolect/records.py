"""What is kept of a person: records of what happened, the history they make, and facts drawn from them."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_args, overload

from idiolect.errors import DataError

Made = TypeVar("Made")
Kind = Literal["message", "rating", "edit", "choice", "correction"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WRITTEN = frozenset({"message", "edit"})  # kinds whose answer is what the person themselves would answer


def digest(*parts: str | bytes) -> str:
    """16 hex digits that name `parts`; lengths are hashed too, so ("ab", "c") and ("a", "bc") differ."""
    made = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        made.update(len(raw).to_bytes(8, "little") + raw)
    return made.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Record:
    """One thing that happened: `answer` is the person's, `prompt` is what it answered ("" for plain text), never theirs.

    | kind | answer | other |
    |---|---|---|
    | message | what they wrote, said or rated | |
    | rating | the score they gave a reply | the reply |
    | edit | the text as they left it | the draft |
    | choice | the reply they took | the one they left |
    | correction | what was wrong with a reply, in their words | the reply |

    `time` is POSIX seconds, or any number that grows (sources without dates number their records).
    `id` is derived from the content where a source gives none, so that importing twice adds nothing.
    """

    prompt: str
    answer: str
    time: float = 0.0
    id: str = ""
    kind: Kind = "message"
    other: str = ""

    def __post_init__(self) -> None:
        if not math.isfinite(self.time):
            raise DataError(f"a record's time is a finite number, not {self.time}: without one there is no earlier and later")
        if self.kind not in KINDS:
            raise DataError(f"a record's kind is one of {', '.join(KINDS)}, not {self.kind!r}")
        if not self.id:
            object.__setattr__(self, "id", digest(*self.content))

    @property
    def content(self) -> tuple[str, ...]:
        """All but the id, as texts; a message's are the same as before there were kinds, and so are the ids made of them."""
        own = (self.prompt, self.answer, repr(float(self.time)))
        return own if self.kind == "message" and not self.other else (*own, self.kind, self.other)


class History(Sequence[Record]):
    """A person's records in time order (equal times keep the order given). Immutable."""

    __slots__ = ("_each", "_made", "_records", "_times")

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = tuple(sorted(records, key=lambda record: record.time))
        self._times = [record.time for record in self._records]
        self._made: dict[Any, Any] = {}
        self._each: dict[Any, dict[Record, Any]] = {}

    def plus(self, records: Iterable[Record]) -> History:
        """These records and others; what `each` made of these is not made again."""
        return self._like([*self._records, *records])

    def made(self, key: Any, make: Callable[[History], Made]) -> Made:
        """What `make` gives for this history, made once for each `key` and gone with the history: a ranker, say."""
        if key not in self._made:
            self._made[key] = make(self)
        return cast(Made, self._made[key])

    def each(self, key: Any, make: Callable[[Record], Made]) -> list[Made]:
        """What `make` gives for each record, made once for each `key`: also for what comes from this history by `plus` or a slice."""
        known = self._each.setdefault(key, {})
        for record in self._records:
            if record not in known:
                known[record] = make(record)
        return [known[record] for record in self._records]

    def of(self, kinds: Collection[str]) -> History:
        """The records of these kinds; itself where that is all of them."""
        kept = [record for record in self._records if record.kind in kinds]
        return self if len(kept) == len(self._records) else self._like(kept)

    def without(self, ids: Collection[str]) -> History:
        """The records but those of these ids; itself where none has them."""
        kept = [record for record in self._records if record.id not in ids]
        return self if len(kept) == len(self._records) else History(kept)

    def before(self, record: Record) -> History:
        """The records strictly earlier than `record`: all that may be shown or taught where `record` is asked for."""
        return self[: bisect_left(self._times, record.time)]

    def newest(self, count: int) -> History:
        """The latest `count` records."""
        return self[max(0, len(self) - count) :]

    @property
    def digest(self) -> str:
        """Names the content: equal histories, and only they, share it."""
        return digest(*(part for r in self._records for part in (r.id, *r.content)))

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> History: ...
    def __getitem__(self, index: int | slice) -> Record | History:
        return self._like(self._records[index]) if isinstance(index, slice) else self._records[index]

    def _like(self, records: Iterable[Record]) -> History:
        made = History(records)
        made._each = self._each
        return made

    def __len__(self) -> int:
        return len(self._records)

    def __reduce__(self) -> tuple[type[History], tuple[tuple[Record, ...]]]:
        return History, (self._records,)  # what was made of it is made again where it goes

    def __iter__(self) -> Iterator[Record]:
        return iter(self._records)

    def __eq__(self, other: object) -> bool:
        return self._records == other._records if isinstance(other, History) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._records)

    def __repr__(self) -> str:
        return f"History({len(self)} records)"


@dataclass(frozen=True, slots=True)
class User:
    """A person: an id, which may be any text at all, and a history."""

    id: str
    records: History = field(default_factory=History)

    def __post_init__(self) -> None:
        if not isinstance(self.records, History):
            object.__setattr__(self, "records", History(self.records))


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known of a person, in their own language: what it says, the records it comes from, and when it held.

    `key` is what it is about ("home", "likes:coffee"): a newer fact of the same key replaces it; "" replaces nothing.
    `since` and `until` are times as records have them; it holds at times from `since` to before `until`.
    """

    text: str
    sources: tuple[str, ...]  # ids of records: without any there is no fact
    since: float = 0.0
    until: float = math.inf
    kind: str = "fact"
    key: str = ""
    uses: int = 0  # how often it was told
    last: float = -math.inf  # when it was told last, or heard again

    def holds(self, time: float = math.inf) -> bool:
        """Whether it holds at `time`; left out: now."""
        return self.since <= time < self.until or (time == math.inf and self.until == math.inf)

    @property
    def id(self) -> str:
        """Names what it says and where it comes from."""
        return digest(self.text, self.kind, self.key, *self.sources)
