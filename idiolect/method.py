"""A method turns a plain request into one that is bent towards a person. Here: the protocol, and chaining."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar

from idiolect.models.lm import LM
from idiolect.types import WRITTEN, History, Record, Reply, Request, State, User


class Method:
    """What every method is. A subclass is a dataclass: its fields are its whole configuration, and the constructor only stores them.

    Two populations: what users teach together (`fit`, kept in `shared`, the operator's) and what one user teaches
    (`enroll`, returned as a State, that person's, erased by deleting it).
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[frozenset[str]] = WRITTEN  # kinds of records it understands: it is given no others
    quotes: ClassVar[bool] = True  # whether questions are told records, for which states keep them
    shared: State = State()  # filled by `fit`; saved and loaded as one value

    def fit(self, users: Sequence[User], lm: LM) -> None:
        """Learn what `users` teach together into `self.shared`. A method with nothing shared leaves this out."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        """One State for each user, equal to the one that user would have got alone."""
        return [State(records=self.quotable(user)) for user in users]

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        """The state after `new` records were added; `user` already holds them. Default: enroll afresh."""
        return self.enroll([user], lm)[0]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        """What `new` records change at once, without training and without asking the model; `user` already holds them.

        Default: the records there are to quote; the rest waits for `update`. `new` are those that `state.records` has not: a
        method that learns step by step keeps its records there, for they say what it has been told already.
        """
        return replace(state, records=self.quotable(user))

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        """The request bent towards the person, or the reply itself where the method asks several times and chooses."""
        return request

    def readable(self, user: User) -> User:
        """`user` with the records that this method understands."""
        return User(user.id, user.records.of(self.reads))

    def quotable(self, user: User) -> History:
        """The records of `user` that a state keeps to quote from: none where the setting `k` says that none are quoted."""
        return user.records if self.quotes and getattr(self, "k", True) else History()

    @property
    def config(self) -> dict[str, Any]:
        """The constructor's keywords and their values."""
        return {f.name: getattr(self, f.name) for f in fields(self)} if is_dataclass(self) else {}


@dataclass(init=False)
class Chain(Method):
    """Methods one after another: `Chain(PAG(), OPPU())` tells the request what PAG tells, then bends it as OPPU bends it.

    A link that answers by itself must stand last.
    """

    links: tuple[Method, ...]

    def __init__(self, *links: Method) -> None:
        self.links = links

    @property
    def needs(self) -> frozenset[str]:  # type: ignore[override]  # of the links, so known only on the instance
        return frozenset().union(*(link.needs for link in self.links))

    @property
    def shared(self) -> State:  # the links hold it: what is loaded into a chain reaches them
        return State(parts=tuple(link.shared for link in self.links))

    @shared.setter
    def shared(self, state: State) -> None:
        for link, part in zip(self.links, state.parts, strict=True):
            link.shared = part

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # of the links: each is given its own kinds
        return frozenset().union(*(link.reads for link in self.links))

    def fit(self, users: Sequence[User], lm: LM) -> None:
        for link in self.links:
            link.fit([link.readable(user) for user in users], lm)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        columns = [link.enroll([link.readable(user) for user in users], lm) for link in self.links]
        return [State(parts=tuple(parts)) for parts in zip(*columns, strict=True)] if columns else [State() for _ in users]

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return State(parts=tuple(link.update(part, link.readable(user), _of(link, new), lm) for link, part in self._pairs(state)))

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return State(parts=tuple(link.observe(part, link.readable(user), _of(link, new), lm) for link, part in self._pairs(state)))

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        bent: Request | Reply = request
        for link, part in self._pairs(state):
            if isinstance(bent, Reply):
                return bent
            bent = link.personalize(part, bent, lm)
        return bent

    def _pairs(self, state: State) -> Iterator[tuple[Method, State]]:
        """Each link with its part; of somebody who taught nothing yet, an empty one."""
        return zip(self.links, state.parts or (State(),) * len(self.links), strict=True)


def _of(link: Method, records: Sequence[Record]) -> list[Record]:
    return [record for record in records if record.kind in link.reads]
