"""A method turns a plain request into one that is bent towards a person. Here: the protocol, chaining, and the Assistant that runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

from idiolect.models.lm import LM, check
from idiolect.types import Record, Reply, Request, Score, State, User


class Method:
    """What every method is. A subclass is a dataclass: its fields are its whole configuration, and the constructor only stores them.

    Two populations: what users teach together (`fit`, kept in `shared`, the operator's) and what one user teaches
    (`enroll`, returned as a State, that person's, erased by deleting it).
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    shared: State = State()  # filled by `fit`; saved and loaded as one value

    def fit(self, users: Sequence[User], lm: LM) -> None:
        """Learn what `users` teach together into `self.shared`. A method with nothing shared leaves this out."""

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        """One State for each user, equal to the one that user would have got alone."""
        return [State(records=user.records) for user in users]

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        """The state after `new` records were added; `user` already holds them. Default: enroll afresh."""
        return self.enroll([user], lm)[0]

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        """The request bent towards the person, or the reply itself where the method asks several times and chooses."""
        return request

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

    def fit(self, users: Sequence[User], lm: LM) -> None:
        for link in self.links:
            link.fit(users, lm)

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        columns = [link.enroll(users, lm) for link in self.links]
        return [State(parts=tuple(parts)) for parts in zip(*columns, strict=True)] if columns else [State() for _ in users]

    def update(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return State(parts=tuple(link.update(part, user, new, lm) for link, part in zip(self.links, state.parts, strict=True)))

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        bent: Request | Reply = request
        for link, part in zip(self.links, state.parts, strict=True):
            if isinstance(bent, Reply):
                return bent
            bent = link.personalize(part, bent, lm)
        return bent


class Assistant:
    """A model, a method, and the people it knows: the only thing that compare, serve, audit and bench call."""

    def __init__(self, lm: LM, method: Method) -> None:
        check(lm, method.needs, type(method).__name__)
        self.lm, self.method = lm, method
        self.states: dict[str, State] = {}

    def fit(self, users: Sequence[User]) -> None:
        """What `users` teach together."""
        self.method.fit(users, self.lm)

    def enroll(self, users: Sequence[User]) -> list[State]:
        """Learn each of `users`, and remember them."""
        states = self.method.enroll(users, self.lm)
        self.states.update({user.id: state for user, state in zip(users, states, strict=True)})
        return states

    def personalize(self, user_ids: Sequence[str], requests: Sequence[Request]) -> list[Request | Reply]:
        """Each request bent towards its person; an unknown person changes nothing."""
        known = (self.states.get(user_id) for user_id in user_ids)
        return [r if s is None else self.method.personalize(s, r, self.lm) for s, r in zip(known, requests, strict=True)]

    def replies(self, user_ids: Sequence[str], requests: Sequence[Request]) -> list[Reply]:
        """Answers, generated together, in the order asked."""
        return self.answered(self.personalize(user_ids, requests))

    def answered(self, bent: Sequence[Request | Reply]) -> list[Reply]:
        """Replies to what `personalize` gave, generated together; where the method answered by itself, its own."""
        open_ = [b for b in bent if isinstance(b, Request)]
        made = iter(self.lm.generate(open_) if open_ else [])
        return [next(made) if isinstance(b, Request) else b for b in bent]

    def scores(self, user_ids: Sequence[str], requests: Sequence[Request], answers: Sequence[str]) -> list[Score | None]:
        """Log-probability of each answer for its person; None where the method answers by itself."""
        bent = self.personalize(user_ids, requests)
        pairs = [(b, a) for b, a in zip(bent, answers, strict=True) if isinstance(b, Request)]
        made = iter(self.lm.score([b for b, _ in pairs], [a for _, a in pairs]) if pairs else [])
        return [next(made) if isinstance(b, Request) else None for b in bent]
