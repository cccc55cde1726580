"""What is known of a person, fact by fact: read in their records, learnt by methods, or put in by hand; put right and taken out."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from idiolect import catalogue
from idiolect.facts.extract import by_rules
from idiolect.facts.keep import says_the_same
from idiolect.models.lm import Unopened
from idiolect.serve import keeping, sight
from idiolect.serve.desk import Desk
from idiolect.serve.faults import NotFound
from idiolect.serve.gateway import Gateway
from idiolect.store.wishes import PLAIN, SENSITIVITIES, Change, Gone, Handling, Noted, gone, noted
from idiolect.types import Fact, Record, State, User, digest

READER = "long_term"  # the method whose rules say what a record tells of a person
CONSENT = "correction"  # the kind of data that facts put in by hand are


@dataclass(frozen=True, slots=True)
class Known:
    """A fact: what it says, the records it comes from, how it came to be known, and how it is handled."""

    id: str
    fact: Fact
    source: str  # "records", or as `Noted.source`
    method: str  # that keeps it; "" for one that stands by itself
    handling: Handling = PLAIN

    def as_json(self) -> dict[str, Any]:
        """As JSON takes it."""
        fact, how = self.fact, self.handling
        sources = [] if not self.method and fact.sources == (self.id,) else list(fact.sources)
        until = None if fact.until == math.inf else fact.until
        about = {"id": self.id, "text": fact.text, "kind": fact.kind, "key": fact.key, "since": fact.since, "until": until}
        told = {"sources": sources, "source": SOURCES.get(self.source, self.source), "method": self.method or None}
        return {**about, **told, "sensitivity": how.sensitivity, "pinned": how.pinned}


SOURCES = {"records": "the person's records", "added": "added by hand", "edited": "edited by the person", "kept": "the person's records"}


def known(desk: Desk, gateway: Gateway, key: str, ended: bool = False) -> list[Known]:
    """All that is known of a person, the latest first; with `ended` also what does not hold any more. [] of somebody unknown."""
    sheet = desk.of(key)
    if sheet.version is None:
        return []
    own = [Known(one.id, _as_fact(one), one.source, "", one.handling) for one in sheet.wished.facts if ended or one.id in sheet.holding]
    found = {(one.fact.text, one.fact.kind, one.fact.key): one for one in _learnt(desk, gateway, key)}
    left = [one for one in found.values() if one.fact.until > one.fact.since and (ended or one.fact.holds())]
    return sorted([*own, *left], key=lambda one: (-one.fact.since, one.id))


def facts(desk: Desk, gateway: Gateway, key: str) -> dict[str, Fact]:
    """The same by their ids, those that ended too: what the reasons of a reply name."""
    return {one.id: one.fact for one in known(desk, gateway, key, ended=True)}


def one(desk: Desk, gateway: Gateway, key: str, fact_id: str) -> Known:
    """What is known under an id, be it over or not. Raises NotFound."""
    found = next((fact for fact in known(desk, gateway, key, ended=True) if fact.id == fact_id), None)
    if found is None:
        raise NotFound(f"there is no fact {fact_id!r}, or not any more; GET /v1/users/ID/facts lists what is known")
    return found


def add(desk: Desk, key: str, text: str, how: Handling, fact_id: str = "") -> tuple[str, bool]:
    """Put a fact in by hand; its id, and whether it is new: what says the same is there already. Raises Conflict without consent."""
    keeping.refuse(desk, key, CONSENT)
    wished = desk.of(key).wished
    same = next((one for one in wished.facts if one.id == fact_id or says_the_same(one.text, text)), None)
    if same is not None:
        return same.id, False
    now = time.time()
    kind, about = _read(text)
    one = Noted(fact_id or digest("fact", text, repr(now)), text, now, "added", (), kind, about, how)
    again: list[Change] = [("gone", cut.id, None) for cut in wished.gone if cut.never and sight.Cut(cut).says(text)]
    desk.say(key, [noted(one), *again], unlearn=bool(again))
    return one.id, True


def bring(desk: Desk, key: str, some: Sequence[Noted]) -> int:
    """Put in facts that come from elsewhere; how many were new, which what says the same as another is not. Raises Conflict."""
    keeping.refuse(desk, key, CONSENT)
    there = list(desk.of(key).wished.facts)
    ids = {one.id for one in there}
    new: list[Noted] = []
    said = {" ".join(one.text.lower().split()) for one in there}
    for one in some:
        words = " ".join(one.text.lower().split())
        if one.id not in ids and words not in said:
            kind, about = _read(one.text)
            new.append(replace(one, kind=kind, key=about))
            said.add(words)
            ids.add(one.id)
    desk.say(key, [noted(one) for one in new])
    return len(new)


def edit(desk: Desk, gateway: Gateway, key: str, fact_id: str, text: str | None, how: Handling | None) -> str:
    """Put a fact right, and handle it otherwise; the id under which it stands now. The old reading is told no more.

    From then on it stands by itself, whatever is learnt again. Raises NotFound.
    """
    fact, now = one(desk, gateway, key, fact_id).fact, time.time()
    own = desk.of(key).wished.fact(fact_id)
    before = own or Noted(digest("kept", fact_id), fact.text, fact.since, "kept", fact.sources, fact.kind, fact.key)
    after = replace(before, handling=how or before.handling)
    if text is not None and text != before.text:
        kind, about = _read(text)
        after = replace(after, text=text, since=now, source="edited", kind=kind, key=about)
    if after.source == "kept" and after.handling == PLAIN:
        if own is not None:  # as it was found, and nothing else is wished any more
            desk.say(key, [("fact", own.id, None), ("gone", Gone(own.text).id, None)], unlearn=True)
        return fact_id
    said = [noted(after)]
    if own is None or own.source == "kept":
        until = now if after.handling.sensitivity == "allowed" else math.inf
        said.append(gone(Gone(before.text, before.sources, until, after.id)))
    desk.say(key, said, unlearn=True)
    return after.id


def forget(desk: Desk, gateway: Gateway, key: str, fact_id: str) -> None:
    """Never remember this: what says it is told no more, in whatever record it stands, and nothing is learnt of it. Raises NotFound."""
    found = one(desk, gateway, key, fact_id)
    wished, fact = desk.of(key).wished, found.fact
    said = [gone(Gone(fact.text, () if not found.method and fact.sources == (found.id,) else fact.sources))]
    said += [("fact", own.id, None) for own in wished.facts if own.id == fact_id]
    said += [gone(replace(cut, until=math.inf, instead="")) for cut in wished.gone if cut.instead == fact_id and cut.text != fact.text]
    desk.say(key, said, unlearn=True)


def _as_fact(one: Noted) -> Fact:
    return replace(one.fact(), sources=one.sources or (one.id,))


def _read(text: str) -> tuple[str, str]:
    """The kind and the key of a fact that a text says, by the rules."""
    found = by_rules(Record("", text))
    return (found[0].kind, found[0].key) if len(found) == 1 else ("fact", "")


def _learnt(desk: Desk, gateway: Gateway, key: str) -> Iterator[Known]:
    """What rules read in records, and what methods keep of a person; how it is handled is how its records are."""
    wished = desk.of(key).wished
    user = desk.store.user(key)
    whole = sight.seen(user, replace(wished, records={}), local=True)
    rules = catalogue.load(READER)
    taught = [(READER, rules.enroll([rules.readable(User(key, whole.records))], Unopened(""))[0])]
    taught += [(place.method, desk.store.load(key, place.method, place.config)) for place in desk.store.provenance(key)]
    for assistant in gateway.assistants():
        if assistant.kept is not None and key in assistant.states and (state := assistant.state(key)) is not None:
            taught.append((assistant.kept.name, state))
    cuts = [sight.Cut(one) for one in wished.gone if one.never]
    for method, state in taught:
        for fact in _facts(state):
            if not any(cut.says(fact.text) for cut in cuts):
                reach = [wished.handling(source).sensitivity for source in fact.sources]
                widest = min(reach, key=SENSITIVITIES.index, default=PLAIN.sensitivity)
                yield Known(fact.id, fact, "records", method, Handling(widest))


def _facts(state: State) -> Iterator[Fact]:
    yield from state.facts
    for part in state.parts:
        yield from _facts(part)
