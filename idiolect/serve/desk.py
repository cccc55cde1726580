"""The desk: what people set about themselves, read once for each change, and what follows from it for a model, a method, an answer."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from idiolect.errors import StoreError
from idiolect.facts.extract import by_rules, recalled
from idiolect.facts.keep import FORBIDDEN, current, remember
from idiolect.facts.telling import forbidden
from idiolect.models.lm import estimated
from idiolect.prompt import Piece, Section
from idiolect.retrieval import BM25
from idiolect.retrieval.index import Index
from idiolect.serve import sight, sliders
from idiolect.store import Store
from idiolect.store.paging import Pages
from idiolect.store.recent import Recent
from idiolect.store.wishes import Change, Noted, Wished, Wishes
from idiolect.types import Fact, Record, Request, User
from idiolect.wording import quote_one

Version = tuple[float, int]
Relearn = Callable[[str, str, str], None]  # a person, a method, and a model as `--model` names it
PINNED = "What this person wants always to be kept in mind:"
NOTED = "What is known of this person:"
NEAR = 6  # facts that are told because the question is about them
SHARE = 4  # of a model's window, the part that what is pinned may take
TOLD = 600  # tokens that it may take at most
HELD = 4096  # people whose wishes stay in memory


@dataclass(frozen=True)
class Sheet:
    """What is known of a person's wishes as they are at one version."""

    version: Version | None
    wished: Wished
    pinned: tuple[Record, ...] = ()  # in the order of their time
    holding: frozenset[str] = frozenset()  # the ids of facts that hold, of those in `wished`
    read: Mapping[Record, tuple[Fact, ...]] = field(default_factory=dict)  # what rules read in records, where there are such facts


NOBODY = Sheet(None, Wished())


class Desk:
    """What follows from people's wishes. Threads may share it; what other processes change is noticed before each answer.

    `local` says of a model, as `--model` names it, whether it answers on this machine; `relearn` wants what was learnt before to be
    learnt again. Everything here may read the store.
    """

    def __init__(self, store: Store, local: Callable[[str], bool] = sight.on_this_machine) -> None:
        self.store, self.local = store, local
        self.wishes, self.pages = Wishes(store._session), Pages(store._session)
        self.index = Index(store)  # by words; one with an embedder may take its place
        self.relearn: Relearn | None = None
        self._sheets: Recent[str, Sheet] = Recent(HELD)

    def of(self, key: str) -> Sheet:
        """A person's wishes: one look at their version where nothing has changed. Raises StoreError."""
        version, held = self.store.version(key), self._sheets.get(key)
        if version is None:
            self._sheets.drop([key])
            return NOBODY
        if held is not None and held.version == version:
            return held
        made = self._sheet(key, version, held or NOBODY)
        self._sheets.put(key, made, 1)
        return made

    def allowed(self, key: str, method: str) -> bool:
        """Whether a person lets a method be used for them; where not, they are answered plainly."""
        return self.of(key).wished.allows_method(method)

    def consented(self, key: str, kind: str) -> bool:
        """Whether a person lets data of a kind be kept."""
        return self.of(key).wished.allows(kind)

    def view(self, user: User, model: str) -> User:
        """What of a person a model may see: the `View` of assistants."""
        return sight.seen(user, self.of(user.id).wished, self.local(model))

    def shape(self, whose: str | Sheet, request: Request, weights: Mapping[str, float] | None = None) -> Request:
        """`request` with a person's sliders told, those in `weights` in place of theirs. Raises RequestError for a slider not known.

        `whose`: their key, or what was read of them.
        """
        own = self._read(whose).wished.sliders
        return sliders.tell(request, {**own, **(weights or {})}) if own or weights else request

    def told(self, whose: str | Sheet, request: Request, model: str = "", window: int | None = None) -> Request:
        """`request` told what a person pinned, and the facts that stand by themselves and are nearest to it: before all methods.

        A model that is not named is taken to be elsewhere. Of a `window` (tokens) no more than its part is used; what did not fit
        is named in the reasons. `whose` as in `shape`.
        """
        sheet = self._read(whose)
        if not sheet.pinned and not sheet.holding:
            return request
        local = self.local(model)
        cuts = [sight.Cut(one) for one in sheet.wished.gone]
        facts = [one for one in sheet.wished.facts if one.id in sheet.holding and one.handling.reaches(local)]
        always = [_fact(one) for one in facts if one.handling.pinned] + _records(sheet, local, cuts)
        near = _nearest([one for one in facts if not one.handling.pinned], request.question)
        room = min(TOLD, (window or TOLD * SHARE) // SHARE)
        for section in (Section(tuple(always), PINNED, "\n"), Section(tuple(near), NOTED, "\n")):
            pieces, missing, room = _fitting(section, room)
            text = "\n".join([section.heading, *(piece.text for piece in pieces)]) if pieces else ""
            request = request.told(text, because=[source for piece in pieces for source in piece.because] + missing if pieces else [])
        return request

    def learn(self, key: str, question: str, before: str = "", reply_id: str = "", asked: bool | None = None) -> bool:
        """Keep a question of a chat as the person's own words, where they consented; whether it was kept.

        `before` is what the question answers, the last reply; `asked`: what the caller says of this question. Consent is needed in
        any case, and nothing is learnt of somebody who is not known and never consented. Raises StoreError.
        """
        if not question.strip() or asked is False or not self.of(key).wished.conversation:
            return False
        now = time.time()
        record = Record(before, question, now, f"{sight.CHAT}{reply_id or repr(now)}")
        return self.store.add(key, [record]) > 0

    def say(self, key: str, said: Sequence[Change], unlearn: bool = False) -> Wished:
        """Keep what a person wishes, and with `unlearn` let go of what was learnt: it hangs on what may be seen. Raises StoreError."""
        if said:
            self.wishes.put(key, said)
            if unlearn:
                with self.again(key):
                    self.store.unlearn(key)
        return self.of(key).wished

    @contextlib.contextmanager
    def again(self, key: str) -> Iterator[None]:
        """Around what lets go of a person's states: afterwards those are wanted again that methods had learnt, and may still be used."""
        taught = self.store.provenance(key) if self.relearn and self.store.version(key) is not None else []
        yield
        for one in taught:
            if self.relearn and self.store.version(key) is not None and self.allowed(key, one.method):
                self.relearn(key, one.method, str(one.config.get("model", "")))

    def drop(self, key: str) -> None:
        """Let go of what is held of a person in memory."""
        self._sheets.drop([key])

    def _read(self, whose: str | Sheet) -> Sheet:
        return whose if isinstance(whose, Sheet) else self.of(whose)

    def _sheet(self, key: str, version: Version, before: Sheet) -> Sheet:
        wished = self.wishes.of(key)
        named = [name for name, how in wished.records.items() if how.pinned]
        pinned = sorted(self.pages.named(key, named).values(), key=lambda record: record.time) if named else []
        holding: frozenset[str] = frozenset()
        read: dict[Record, tuple[Fact, ...]] = {}
        if wished.facts:
            records = [record for record in self._known(key) if sight.consented(record, wished)]
            read = {record: before.read[record] if record in before.read else tuple(by_rules(record)) for record in records}
            holding = frozenset(_holding(wished, read))
        return Sheet(version, wished, tuple(pinned), holding, read)

    def _known(self, key: str) -> Iterable[Record]:
        try:
            return self.store.user(key).records
        except StoreError:  # erased a moment ago
            return ()


def _holding(wished: Wished, read: Mapping[Record, tuple[Fact, ...]]) -> list[str]:
    """The ids of facts that hold: neither replaced by what was said since, unless they are pinned, nor what is not to be told."""
    said = [fact for facts in read.values() for fact in facts]
    may_not = forbidden([fact for fact in said if fact.kind == FORBIDDEN])
    never = [sight.Cut(one) for one in wished.gone if one.never]
    about = {one.key for one in wished.facts if one.key}
    later = [fact for fact in said if fact.key.partition(":")[0] in about or fact.key in about]
    now = current(remember((), [*later, *(one.fact() for one in wished.facts)]))
    holds = {source for fact in now for source in fact.sources}
    told = [one for one in wished.facts if (one.handling.pinned or one.id in holds) and (one.own or wished.allows("correction"))]
    return [one.id for one in told if not may_not(one.text) and not any(cut.says(one.text) for cut in never)]


def _fact(one: Noted) -> Piece:
    return Piece(recalled(one.text), (f"fact:{one.id}",), one.since)


def _records(sheet: Sheet, local: bool, cuts: Sequence[sight.Cut]) -> list[Piece]:
    """What is pinned of a person's records, as far as it may be sent."""
    may = [left for record in sheet.pinned if sight.reaches(record, sheet.wished, local) and (left := sight.without(record, cuts))]
    return [Piece(recalled(quote_one(record)), (f"record:{record.id}",), record.time) for record in may]


def _nearest(facts: Sequence[Noted], question: str) -> list[Piece]:
    texts = [Record("", one.text, one.since, str(place)) for place, one in enumerate(facts)]
    return [_fact(facts[int(one.id)]) for one in BM25(texts).search(question, NEAR)] if facts else []


def _fitting(section: Section, room: int) -> tuple[list[Piece], list[str], int]:
    """The first pieces that `room` tokens hold, estimated from their bytes, the names of those left out, and what is left of the room."""
    fit: list[Piece] = []
    missing: list[str] = []
    for piece in section.pieces:
        cost = estimated(piece.text) + 1
        if cost <= room:
            fit.append(piece)
            room -= cost
        else:
            missing += [f"left out:{source}, {cost} tokens, of {room} that were left" for source in piece.because]
    return fit, missing, room
