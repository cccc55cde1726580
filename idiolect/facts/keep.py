"""Facts with time: merging, replacing, forgetting, decay. Pure functions of a set of facts: the order they came in never matters.

What was said again in other words or at another time stays beside the fact that stands for it, as one that never holds
(its `until` is its `since`): so a source can be forgotten as if it had never been read, the wording and the times of the
others whole. Whoever tells facts asks `current` or `history`, which leave these out.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from idiolect.retrieval.bm25 import words
from idiolect.types import Fact

ENDED = "ended"  # the kind of a fact that ends another: "I no longer live in Ghent", with the key "home:ghent"
PINNED = "pinned"  # the kind of a fact that neither time nor number takes away: a character, what the person pinned
FORBIDDEN = "forbidden"  # the kind of a fact that says what is not to be told: "forbid:divorce"
NEAR = 0.9  # share of words two texts have in common that say the same
NEGATIONS = frozenset(
    "no not never none nobody nothing neither nor without dont doesnt didnt isnt arent wasnt werent cant cannot wont wouldnt "
    "nicht kein keine keinen keiner nie niemals ohne ne pas jamais plus sans rien nunca jamas jamás sin tampoco non mai senza "
    "não nao nem sem niet geen nooit zonder".split()
)


@dataclass(frozen=True, slots=True)
class Policy:
    """What stays: at most `most` facts; weight halves every `half_life` seconds since a fact was told or heard (None: never).

    Where `least_uses` is set, a fact older than one half-life that was told less often goes. Kinds in `pinned` always stay.
    """

    most: int = 500
    half_life: float | None = None
    least_uses: int = 0
    pinned: tuple[str, ...] = (PINNED,)

    def weight(self, fact: Fact, now: float) -> float:
        """(1 + uses) * 2 ** (-age / half_life), where age is the time since it was told, heard again or first said."""
        return (1 + fact.uses) * (2.0 ** -(self.age(fact, now) / self.half_life) if self.half_life else 1.0)

    def age(self, fact: Fact, now: float) -> float:
        """Seconds since the fact was told, heard again or first said."""
        return max(0.0, now - max(fact.since, fact.last))


def folded(text: str) -> str:
    """A text without case, punctuation and spacing: what two texts share that differ in nothing else."""
    return " ".join(words(text.replace("'", "").replace("’", ""))) or text.strip().casefold()


def remember(facts: Iterable[Fact], new: Iterable[Fact], near: float = NEAR) -> tuple[Fact, ...]:
    """`facts`, as this function gave them, and `new` as one, in time order. A fact without sources is none, and is left out.

    Facts of one kind that say the same (`says_the_same`) merge: sources joined, the earliest wording and `since`, `last`
    moved. Of facts with the same key the latest holds, and each earlier one until the next; of equal times, the last by its
    wording. Facts that were remembered from the same sources change nothing.
    """
    facts, new = tuple(facts), tuple(new)
    about = {_about(fact) for fact in new}
    touched = [fact for fact in facts if _about(fact) in about]
    others = [fact for fact in facts if _about(fact) not in about]
    return _in_order([*others, *_laid_out([*_atoms(touched), *_atoms(new)], near)])


def forget_sources(facts: Iterable[Fact], ids: Collection[str], near: float = NEAR) -> tuple[Fact, ...]:
    """The facts as they would be had the records of these ids never been read: what only they ended holds again."""
    left = (replace(fact, sources=tuple(one for one in fact.sources if one not in ids)) for fact in _atoms(facts))
    return _in_order(_laid_out(left, near))


def current(facts: Iterable[Fact], time: float = math.inf) -> tuple[Fact, ...]:
    """Those that hold at `time`; left out: now."""
    return tuple(fact for fact in facts if fact.holds(time) and fact.until > fact.since)


def history(facts: Iterable[Fact], key: str) -> tuple[Fact, ...]:
    """Everything that ever held of a key, in time order."""
    held = [fact for fact in facts if _subject(fact) == key and fact.until > fact.since]
    return tuple(sorted(held, key=lambda fact: fact.since))


def used(facts: Iterable[Fact], ids: Collection[str], time: float) -> tuple[Fact, ...]:
    """The facts, those of these ids told once more, at `time`."""
    return tuple(replace(one, uses=one.uses + 1, last=max(one.last, time)) if one.id in ids else one for one in facts)


def kept(facts: Sequence[Fact], policy: Policy, now: float) -> tuple[Fact, ...]:
    """What `policy` keeps at `now`, in the order given: pinned kinds, then the heaviest that hold, then the rest, the newest first."""

    def rank(fact: Fact) -> tuple[bool, bool, float, float, str, tuple[str, ...]]:
        holds = fact.until == math.inf
        return (fact.kind not in policy.pinned, not holds, -policy.weight(fact, now), -fact.since, fact.text, fact.sources)

    def stale(fact: Fact) -> bool:
        return policy.half_life is not None and policy.age(fact, now) > policy.half_life and fact.uses < policy.least_uses

    staying = tuple(fact for fact in facts if fact.kind in policy.pinned or not stale(fact))
    if len(staying) <= policy.most:
        return staying
    pinned = sum(fact.kind in policy.pinned for fact in staying)
    chosen = {id(fact) for fact in sorted(staying, key=rank)[: max(policy.most, pinned)]}
    return tuple(fact for fact in staying if id(fact) in chosen)


def says_the_same(one: str, other: str, near: float = NEAR) -> bool:
    """Whether one text has all words of the other and few more (the share in common is at least `near`), none a number or a "not"."""
    return _same(frozenset(folded(one).split()), frozenset(folded(other).split()), near)


def _same(one: frozenset[str], other: frozenset[str], near: float) -> bool:
    less, more = (one, other) if len(one) <= len(other) else (other, one)
    if not less or len(less) < near * len(more) or not less <= more:
        return less == more
    added = more - less
    return not added & NEGATIONS and not any(char.isdigit() for word in added for char in word)


@dataclass(slots=True)
class _Run:
    """Facts that say the same, in time order, and until when."""

    members: list[Fact]
    says: frozenset[str]
    until: float = math.inf

    def take(self, fact: Fact) -> None:
        self.members.append(fact)
        self.until = min(self.until, fact.until)

    def facts(self) -> Iterator[Fact]:
        """One that stands for all where they are several, and each as it was said, which never holds; a single one as it is."""
        first = self.members[0]
        if len(self.members) == 1:
            yield replace(first, until=self.until)
            return
        if self.until > first.since:
            sources = dict.fromkeys(source for fact in self.members for source in fact.sources)
            last = max(max(fact.last, fact.since) for fact in self.members)
            yield replace(first, sources=tuple(sources), until=self.until, uses=max(fact.uses for fact in self.members), last=last)
        for fact in self.members:
            yield replace(fact, until=fact.since, uses=0, last=-math.inf)


def _atoms(facts: Iterable[Fact]) -> Iterator[Fact]:
    """What was said, each wording at each time once, without what followed from what: ends that a later fact made are open again."""
    facts = list(facts)
    starts = {(_subject(fact), fact.since) for fact in facts if fact.key}
    times = {fact.since for fact in facts}
    said: dict[tuple[str, str, str, float], list[Fact]] = {}
    for fact in facts:
        said.setdefault((fact.text, fact.kind, fact.key, fact.since), []).append(fact)
    for same in said.values():
        own = [fact for fact in same if fact.until <= fact.since] or same  # the other one is joined of these and later ones
        sources = own[0].sources if len({fact.sources for fact in own}) == 1 else tuple(sorted({s for f in own for s in f.sources}))
        until = min(
            (fact.until for fact in same if fact.until > fact.since and (_subject(fact), fact.until) not in starts), default=math.inf
        )
        heard = times if len(own) < len(same) else ()  # hearing it again is what moved `last`, and is told by the others
        uses, last = max(fact.uses for fact in same), max((fact.last for fact in same if fact.last not in heard), default=-math.inf)
        yield replace(same[0], sources=sources, until=until, uses=uses, last=last)


def _subject(fact: Fact) -> str:
    """What a fact is about: its key, and of one that ends another, that one's."""
    return fact.key.partition(":")[0] if fact.kind == ENDED else fact.key


def _about(fact: Fact) -> tuple[str, str]:
    """What a fact can replace or say again: facts of the same key, or without a key of the same kind."""
    subject = _subject(fact)
    return subject, "" if subject else fact.kind


def _in_order(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    return tuple(sorted(facts, key=lambda fact: (fact.since, fact.text, fact.kind, fact.key, fact.until <= fact.since)))


def _laid_out(atoms: Iterable[Fact], near: float) -> Iterator[Fact]:
    about: dict[tuple[str, str], list[Fact]] = {}
    for fact in _in_order(fact for fact in _atoms(atoms) if fact.sources):
        about.setdefault(_about(fact), []).append(fact)
    for (key, _), same in about.items():
        for run in _in_turn(same, near) if key else _heaped(same, near):
            yield from run.facts()


def _in_turn(facts: Sequence[Fact], near: float) -> Iterator[_Run]:
    """Facts of one key in time order: each that says something else ends the one before it."""
    run: _Run | None = None
    for fact in facts:
        says = frozenset(folded(fact.text).split())
        if run is not None and fact.since < run.until and _same(says, run.says, near):
            run.take(fact)
        elif fact.kind == ENDED and fact.key.partition(":")[2] and not (run and _tells(run, fact)):
            yield _Run([fact], says, until=fact.since)  # ends what is not said, or no longer: nothing
        else:
            if run is not None:
                run.until = min(run.until, fact.since)
                yield run
            run = _Run([fact], says, fact.until)
    if run is not None:
        yield run


def _tells(run: _Run, fact: Fact) -> bool:
    """Whether the run says what the fact says is over: "home:new york" is over where both words stand."""
    return run.members[0].kind != ENDED and frozenset(folded(fact.key.partition(":")[2]).split()) <= run.says


@dataclass(slots=True)
class _Heap:
    """Runs of facts without a key, found by their words."""

    runs: list[_Run] = field(default_factory=list)
    same: dict[frozenset[str], int] = field(default_factory=dict)
    having: dict[str, list[int]] = field(default_factory=dict)

    def put(self, run: _Run) -> None:
        self.same[run.says] = len(self.runs)
        for word in run.says:
            self.having.setdefault(word, []).append(len(self.runs))
        self.runs.append(run)

    def find(self, fact: Fact, says: frozenset[str], near: float) -> _Run | None:
        """The first run that says the same and has not ended. Only long texts can be near without being equal."""
        places = [self.same[says]] if says in self.same else []
        if math.floor(len(says) / near) > len(says) or math.ceil(near * len(says)) < len(says):
            rare = sorted(says, key=lambda word: (len(self.having.get(word, ())), word))[: 2 + int((1 - near) * len(says))]
            places += {place for word in rare for place in self.having.get(word, ())}
        found = (self.runs[place] for place in sorted(places))
        return next((run for run in found if fact.since < run.until and _same(says, run.says, near)), None)


def _heaped(facts: Sequence[Fact], near: float) -> list[_Run]:
    """Facts without a key, of one kind, in time order: each joins the first that says the same."""
    heap = _Heap()
    for fact in facts:
        says = frozenset(folded(fact.text).split())
        run = heap.find(fact, says, near)
        if run is not None:
            run.take(fact)
        else:
            heap.put(_Run([fact], says, fact.until))
    return heap.runs
