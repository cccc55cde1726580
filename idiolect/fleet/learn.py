"""Everybody in a store learnt with one method: what they teach together once, what each teaches alone by a crew, kept as it comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from idiolect.errors import StoreError
from idiolect.fleet.crew import TOGETHER, Crew, dispatch, shards
from idiolect.fleet.work import Failed, Learnt, Work
from idiolect.method import Method
from idiolect.store import Store, states
from idiolect.store.rows import canonical
from idiolect.types import State, User, digest

Tell = Callable[[str, int, int], None]  # what is done, how many of it, of how many
Seen = Callable[[User], User]
People = tuple[Sequence[str], Callable[[str], User]]  # their ids, and how one is read
FIT, ENROLL = "What people teach together", "What each teaches alone"


@dataclass
class Learning:
    """How it went: how many were learnt now, how many were kept as they were, who failed and why, and the workers that died."""

    people: int = 0
    learnt: int = 0
    kept: int = 0
    failed: list[Failed] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    shared_was_kept: bool = False  # what people teach together was there from before, and is more than nothing

    @property
    def done(self) -> int:
        """People about whom nothing is left to do."""
        return self.learnt + self.kept + len(self.failed)


def learn(
    store: Store,
    name: str,
    config: Mapping[str, Any],
    work: Work,
    crew: Crew,
    *,
    again: bool = False,
    tell: Tell = lambda what, done, of: None,
    seen: Seen = lambda user: user,
) -> Learning:
    """Learn everybody in `store` with `work.method`, and keep it under `name` and `config`.

    Who is kept with the same method, configuration, records and shared state is not learnt again, unless `again`. What people teach
    together is learnt once and on the disk before anybody is enrolled; where it is kept already it is taken up, for the states hang on
    it. A person counts as learnt, and is told of, when their state is on the disk; only this process writes. Raises StoreError and
    ModelError; what was kept until then is whole, and a second call goes on from there. `seen`: what of a person may be learnt from.
    """
    ids, made, read = store.users(), Learning(), lambda user_id: seen(store.user(user_id))
    made.people = len(ids)
    tell(FIT, 0, 1)
    basis, made.shared_was_kept = _together(store, name, config, work, (ids, read), again)
    tell(FIT, 1, 1)
    left = _left(store, (ids, read), _Wanted(name, canonical(config), basis, again), made)
    with closing(dispatch(crew, work, shards(left, _together_at_most(len(ids), crew.size)))) as outcomes:
        for one in outcomes:
            if isinstance(one, Learnt):
                _keep(store, name, config, one, basis, made)
            elif isinstance(one, Failed):
                made.failed.append(one)
            else:
                made.lost.append(one.reason)
            tell(ENROLL, made.done, made.people)
    tell(ENROLL, made.done, made.people)
    return made


@dataclass(frozen=True)
class _Wanted:
    """What makes a state one that is not learnt again."""

    method: str
    config: str
    basis: str
    again: bool

    def kept(self, store: Store, user: User) -> bool:
        made_of = history(user.records.digest, self.basis)
        return not self.again and any(
            one.method == self.method and one.history == made_of and canonical(one.config) == self.config
            for one in store.provenance(user.id)
        )


def history(records: str, basis: str) -> str:
    """What a state is made of: the digest of the person's records, and after a slash that of what people taught together, if anything."""
    return f"{records}/{basis}" if basis else records


def _together(store: Store, name: str, config: Mapping[str, Any], work: Work, people: People, again: bool) -> tuple[str, bool]:
    """Fills `method.shared` from the store, or learns it and keeps it first; its digest ("" for nothing), and whether it was there.

    What was learnt is read back, so that everyone hangs on what the next run will read, to the bit.
    """
    method, was_kept = work.method, not again and _is_kept(store, name, config)
    if not was_kept:
        if type(method).fit is not Method.fit:
            ids, read = people
            everyone = [read(user_id) for user_id in ids]
            work.assistant.fit(everyone)
            made_of = digest(*(user.records.digest for user in everyone))
        else:
            made_of = ""
        store.save_shared(name, config, method.shared, made_of)
    method.shared = store.load_shared(name, config)
    raw = states.dump(method.shared)
    basis = "" if raw == states.dump(State()) else digest(raw)
    return basis, was_kept and bool(basis)


def _is_kept(store: Store, name: str, config: Mapping[str, Any]) -> bool:
    try:
        store.load_shared(name, config)
    except StoreError:
        return False
    return True


def _left(store: Store, people: People, wanted: _Wanted, made: Learning) -> Iterator[User]:
    """Everybody who is to be learnt, read as they are asked for; the others are counted as kept."""
    ids, read = people
    for user_id in ids:
        try:
            user = read(user_id)
            kept = wanted.kept(store, user)
        except StoreError:
            if _is_known(store, user_id):
                raise
            made.people -= 1  # erased since this began
            continue
        if kept:
            made.kept += 1
        else:
            yield user


def _keep(store: Store, name: str, config: Mapping[str, Any], one: Learnt, basis: str, made: Learning) -> None:
    try:
        store.save(one.user_id, name, config, one.state, history(one.history, basis))
        made.learnt += 1
    except StoreError:
        if _is_known(store, one.user_id):
            raise
        made.people -= 1  # erased while a worker had them: they do not come back


def _is_known(store: Store, user_id: str) -> bool:
    return user_id in store.users()


def _together_at_most(people: int, workers: int) -> int:
    """People of a shard: many, because they are enrolled in one pass; fewer where some workers would have nothing."""
    return min(TOGETHER, max(1, -(-people // (2 * workers)))) if workers > 1 else TOGETHER
