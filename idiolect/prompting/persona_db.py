"""PersonaDB: what records show of a person, as short items in two layers; those near to the question are told, and some of people alike.

Sun, Yang, Gangi Reddy, Fung, Chan, Small, Zhai, Ji. Persona-DB: Efficient Large Language Model Personalization for Response Prediction
with Collaborative Data Refinement. COLING 2025, arXiv:2402.11060.

Departs from the paper: of the nearest people nothing is told but items of the refined layer that at least `least` of them have and
the person has not, so that nobody's own records or words reach another; somebody without records is told nothing; items are lines
"field: item" in place of JSON, and what comes in another form is dropped; `k` records are quoted beside them. Where the model's lines hold
no item, and with `writer="counted"`, items are counted: recurring words of the answers, then, refined, of what was asked and the manner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.facts.outlines import asked_of, asking, by_model, items, near, portrait, recurring, said, written
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, profile, quoted
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.embedders import embed
from idiolect.types import Fact, Floats, History, Request, State, User
from idiolect.wording import about

FIELDS = ("values", "beliefs", "topics", "stances", "possessions", "work", "roles", "feelings", "manner")
PRIVATE = "manner"  # how somebody writes is not for others
FORM = f"one a line as 'field: item', each item in at most six words. The fields are {', '.join(FIELDS)}."
EXTRACT = f"List what these records show of the person, {FORM}"
REFINE = f"List what is more general and follows of the same person, nothing that is listed already, {FORM}"
OWN, OTHERS = "Known of this person:", "Others alike often have these too; they need not hold for this person:"


@dataclass
class PersonaDB(Method):
    """Tells `own` items of the person, `others` that at least `least` of the `neighbours` nearest people share, and quotes `k` records."""

    k: int = 2
    ranker: str = "bm25"
    own: int = 30
    others: int = 10
    neighbours: int = 10
    least: int = 3
    newest: int = 20
    list_tokens: int = 120
    writer: str = "model"

    def fit(self, users: Sequence[User], lm: LM) -> None:
        self.shared = State()
        found = self._items(users, lm)
        people = zip(users, found, _vectors(found), strict=True)
        self.shared = State(people={u.id: State(text=u.records.digest, facts=own, arrays={"items": at}) for u, own, at in people})

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        found = self._items(users, lm)
        alike = self._alike(users, found)
        return [
            State(records=user.records, facts=own, parts=(State(text="\n".join(theirs)),))
            for user, own, theirs in zip(users, found, alike, strict=True)
        ]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        own = list({fact.text: Piece(fact.text, (f"fact:{fact.id}",)) for fact in state.facts}.values())
        alike = [Piece(text, ("shared",)) for part in state.parts for text in part.text.splitlines()]
        told = [
            Section(_nearest(request.question, own, self.own), OWN, "\n"),
            Section(_nearest(request.question, alike, self.others), OTHERS, "\n"),
        ]
        return build(request, [*told, quoted(near(state.records, request.question, self.k, self.ranker))], lm)

    def _items(self, users: Sequence[User], lm: LM) -> list[tuple[Fact, ...]]:
        """Everybody's items; of somebody whose records have not changed since `fit`, those found then."""
        known = {user.id: state.facts for user in users if (state := self.shared.people.get(user.id)) and state.text == user.records.digest}
        asked = [user.records.newest(0 if user.id in known else self.newest) for user in users]
        counted = [_counted(user.records.newest(self.newest)) for user in users]
        if not by_model(self.writer):
            return counted
        first = [_lines(text) for text in written(lm, [asking(EXTRACT, own, lm, self.list_tokens) for own in asked])]
        seen = [profile("\n".join(lines)) for lines in first]
        more = [
            _lines(text)
            for text in written(lm, [asking(REFINE, own, lm, self.list_tokens, one) for own, one in zip(asked, seen, strict=True)])
        ]
        made = []
        for user, own, lines, general, instead in zip(users, asked, first, more, counted, strict=True):
            facts = _facts(own, lines, "extracted") + _facts(own, [line for line in general if line not in lines], "refined")
            made.append(known.get(user.id, facts or instead))
        return made

    def _alike(self, users: Sequence[User], found: Sequence[tuple[Fact, ...]]) -> list[list[str]]:
        """For each person the refined items, commonest first, that at least `least` of the nearest others have and the person has not."""
        crowd = [(other, state) for other, state in self.shared.people.items() if state.facts]
        if len(crowd) < self.least:
            return [[] for _ in users]
        made, places = [], np.stack([state.arrays["items"] for _, state in crowd])
        for user, own, vector in zip(users, found, _vectors(found), strict=True):
            order = [crowd[place] for place in np.argsort(-(places @ vector), kind="stable")] if own else []
            nearest = [state for other, state in order if other != user.id][: self.neighbours]
            has = {fact.text.casefold() for fact in own}
            theirs = Counter(text for state in nearest for text in {fact.text for fact in state.facts if _tellable(fact)})
            told = [text for text, count in theirs.items() if count >= self.least and text.casefold() not in has]
            made.append(sorted(told, key=lambda text: (-theirs[text], text)))
        return made


def _vectors(found: Sequence[tuple[Fact, ...]]) -> Floats:
    """(people, width): each person's items, embedded as one description."""
    return embed(["\n".join(fact.text for fact in facts) for facts in found])


def _tellable(fact: Fact) -> bool:
    return fact.kind == "refined" and not fact.text.startswith(PRIVATE)


def _lines(text: str) -> list[str]:
    """What stands in the form "field: item", fields in lower case."""
    parts = [item.partition(":") for item in items(text)]
    return [f"{field.strip().lower()}: {item.strip()}" for field, _, item in parts if field.strip().lower() in FIELDS and item.strip()]


def _facts(records: History, lines: Sequence[str], kind: str) -> tuple[Fact, ...]:
    sources = tuple(record.id for record in records)
    return tuple(Fact(line, sources, records[-1].time, kind=kind) for line in lines)


def _counted(records: History) -> tuple[Fact, ...]:
    layers = {"extracted": recurring(said(records), 40), "refined": recurring(asked_of(records), 12)}
    holds = [(record, {*words(record.answer), *words(record.prompt)}) for record in records]
    made = [
        Fact(f"topics: {word}", tuple(r.id for r, has in holds if word in has), records[-1].time, kind=kind)
        for kind, found in layers.items()
        for word in found
    ]
    manner = portrait(records)
    return (*_facts(records, [f"{PRIVATE}: {manner}"] if manner else [], "refined"), *made)


def _nearest(question: str, pieces: Sequence[Piece], count: int) -> tuple[Piece, ...]:
    """The `count` pieces nearest to the question; of equally near ones, those that come first."""
    if not pieces or not count:
        return ()
    vectors = embed([about(question), *(piece.text for piece in pieces)])
    return tuple(pieces[place] for place in np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[:count])
