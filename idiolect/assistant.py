"""The Assistant: a model, a method, and the people it knows; the one door for what they ask and for what happens."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from idiolect import catalogue
from idiolect.method import Method
from idiolect.models.lm import LM, check
from idiolect.types import Record, Reply, Request, Score, State, User

if TYPE_CHECKING:
    from idiolect.store import Provenance, Store

View = Callable[[User, str], User]
MOST = 10_000  # people in memory of those that a store keeps


@dataclass(frozen=True, slots=True)
class Kept:
    """Where people and their states are kept: a store, and the name and configuration that states of one method lie under.

    `view` gives what of a person may be learnt from and told to the model of that name, such as what they consented to.
    """

    store: Store
    name: str
    config: Mapping[str, Any]
    view: View | None = None

    def seen(self, user: User) -> User:
        """What of a person this method and model may see."""
        return self.view(user, str(self.config.get("model", ""))) if self.view else user

    def load(self, user_id: str) -> State:
        """The state of a person, or an empty one."""
        from idiolect.store.rows import canonical  # imported late: who keeps nobody needs no database

        saved = [
            one for one in self.store.provenance(user_id) if one.method == self.name and canonical(one.config) == canonical(self.config)
        ]
        return self.store.load(user_id, self.name, self.config) if saved else State()

    def save(self, user: User, state: State) -> None:
        """Keep what was learnt of `user`, as they were seen then; what came since is no hindrance.

        Raises StoreError for one who was erased meanwhile, or of whom something was forgotten, put right or withdrawn: it may be in
        the state.
        """
        from idiolect.store.store import Changed  # imported late: who keeps nobody needs no database

        while True:
            version, now = self.store.version(user.id), self.seen(self.store.user(user.id))
            if not set(user.records) <= set(now.records):
                raise Changed(f"something of {user.id!r} was taken back while they were learnt: learn them again")
            with contextlib.suppress(Changed):  # only more came, or less: look again
                self.store.save(user.id, self.name, self.config, state, user.records.digest, version)
                return


@dataclass(frozen=True, slots=True)
class Observed:
    """What `observe` did: the ids of the records that were new, and the names of what of the person's state changed."""

    records: tuple[str, ...]
    changed: tuple[str, ...]


class Assistant:
    """A model, a method, and the people it knows: the only thing that compare, serve, audit and bench call.

    With `kept`, what is observed is on the disk before `observe` returns, who is not in memory is read from there, and what
    other processes add, edit or erase is noticed before each answer. Without it, people are known as long as the Assistant is.
    """

    def __init__(self, lm: LM, method: Method, kept: Kept | None = None, most: int = MOST) -> None:
        needs = method.needs - {"train"} if kept is not None else method.needs  # who was fitted elsewhere can be answered
        check(lm, needs, type(method).__name__)
        self.lm, self.method, self.kept, self.most = lm, method, kept, most
        self.states: dict[str, State] = {}
        self._people: dict[str, User] = {}  # without a store: who was enrolled or observed
        self._seen: dict[str, tuple[float, int]] = {}  # with one: the version of a person that their state here is of
        self._lock = threading.Lock()  # around these three, which threads share

    def fit(self, users: Sequence[User]) -> None:
        """What `users` teach together."""
        self.method.fit([self.method.readable(user) for user in users], self.lm)

    def enroll(self, users: Sequence[User]) -> list[State]:
        """Learn each of `users`, and remember them."""
        states = self.method.enroll([self.method.readable(user) for user in users], self.lm)
        for user, state in zip(users, states, strict=True):
            self.states[user.id] = state
            self._people[user.id] = user
        return states

    def observe(self, user_id: str, *records: Record) -> Observed:
        """What happened: a message, a rating, an edit, a choice, a correction in words. The next request knows it.

        Nothing is trained and the model is not asked: what needs either waits for `update`. With a store it is on the disk
        before this returns. A record whose id is known changes nothing. Raises StoreError if it could not be kept: then
        nothing has changed.
        """
        before, user = self._state(user_id) or State(), self._user(user_id)
        known = {record.id for record in user.records}
        new = [record for record in dict.fromkeys(records) if record.id not in known]
        if self.kept is not None:
            self.kept.store.add(user_id, new)
        self._go_on(user_id, before, User(user_id, user.records.plus(new)), new)
        return Observed(tuple(record.id for record in new), changes(before, self._state(user_id) or State()))

    def update(self, user_id: str) -> State:
        """Learn a person from all their records, training and asking the model, and keep it: what `observe` had no time for."""
        check(self.lm, self.method.needs, type(self.method).__name__)
        before, user = self._state(user_id) or State(), self._user(user_id)
        state = self.method.update(before, self.method.readable(user), [], self.lm)
        if self.kept is None:
            self.states[user_id] = state
        else:
            self.kept.save(user, state)
            self._forget(user_id)
        return state

    def personalize(self, user_ids: Sequence[str], requests: Sequence[Request]) -> list[Request | Reply]:
        """Each request bent towards its person; an unknown person changes nothing, but for the weights that a request names."""
        known = (self._state(user_id) for user_id in user_ids)
        pairs = zip(known, requests, strict=True)
        return [r if s is None and not r.weights else self.method.personalize(s or State(), r, self.lm) for s, r in pairs]

    def state(self, user_id: str) -> State | None:
        """What a person taught, as it is now; None for somebody unknown."""
        return self._state(user_id)

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

    def _user(self, user_id: str) -> User:
        return self._people.get(user_id, User(user_id))

    def _state(self, user_id: str) -> State | None:
        """The state of a person, or None; with a store, of all that is kept of them now, whoever wrote it."""
        if self.kept is None:
            return self.states.get(user_id)
        version, state = self.kept.store.version(user_id), self.states.get(user_id)
        if version is None:
            self._forget(user_id)
            return None
        if state is None or self._seen.get(user_id) != version:
            user, saved = self.kept.seen(self.kept.store.user(user_id)), self.kept.load(user_id)
            told = {record.id for record in saved.records}
            state = self._taught(saved, user, [record for record in user.records if record.id not in told])
            self._remember(user, state, version)
        return state

    def _go_on(self, user_id: str, before: State, user: User, new: Sequence[Record]) -> None:
        """From `before` to what holds with `new` records; where others wrote too, or not all may be seen, from what is in the store."""
        if self.kept is None:
            self.states[user_id], self._people[user_id] = self._taught(before, user, new), user
            return
        seen, now = self._seen.get(user_id), self.kept.store.version(user_id)
        if self.kept.view is None and now is not None and now == (seen and (seen[0], seen[1] + bool(new))):
            self._remember(user, self._taught(before, user, new), now)
        else:
            self._state(user_id)

    def _remember(self, user: User, state: State, version: tuple[float, int]) -> None:
        """Keep in memory what was read, of the `most` people who were asked for last."""
        with self._lock:
            self._drop(user.id)
            for known in (self.states, self._people, self._seen):
                while len(known) >= self.most:
                    del known[next(iter(known))]
            self.states[user.id], self._people[user.id], self._seen[user.id] = state, user, version

    def _forget(self, user_id: str) -> None:
        with self._lock:
            self._drop(user_id)

    def _drop(self, user_id: str) -> None:
        for known in (self.states, self._people, self._seen):
            known.pop(user_id, None)

    def _taught(self, state: State, user: User, new: Sequence[Record]) -> State:
        read = [record for record in new if record.kind in self.method.reads]
        return self.method.observe(state, self.method.readable(user), read, self.lm) if read else state


def configured(model: str, method: Method) -> dict[str, Any]:
    """What a state hangs on: the method's settings, and the model it was learnt with, as `--model` names it."""
    return {"model": model, **method.config}


def reopened(store: Store, latest: Provenance, lm: LM, view: View | None = None) -> Assistant:
    """The method as it was fitted, for everybody in the store, as they are now."""
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in latest.config.items() if name != "model"}
    made = catalogue.load(latest.method, **settings)
    made.shared = store.load_shared(latest.method, latest.config)
    return Assistant(lm, made, Kept(store, latest.method, latest.config, view))


def changes(before: State, after: State) -> tuple[str, ...]:
    """The names of what differs in two states of a person: "records", "facts", "part 1: text"."""
    own = [one.name for one in fields(State) if one.name != "parts" and not _same(getattr(before, one.name), getattr(after, one.name))]
    parts = zip(before.parts or (State(),) * len(after.parts), after.parts, strict=True)
    return (*own, *(f"part {place}: {name}" for place, (one, other) in enumerate(parts, start=1) for name in changes(one, other)))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(np.array_equal(one, other)) if isinstance(one, np.ndarray) else bool(one == other)
