"""A person's state, and everybody's adapters, found in one statement each: what is asked for before every answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from idiolect.errors import StoreError
from idiolect.store.adapter_table import AdapterTable
from idiolect.store.adapters import AdapterFiles, Ref
from idiolect.store.database import Database
from idiolect.store.rows import canonical
from idiolect.store.schema import text_of
from idiolect.types import Adapter

CHANGES = 8  # times that a state may be replaced while it is being opened

REF = ", ".join(f'a."{name}"' for name in Ref._fields)
ONE = f"""SELECT s.key, s.blob, s.file, {REF} FROM users u LEFT JOIN states s ON s."user" = u.key AND s.method = ? AND s.config = ?
LEFT JOIN adapters a ON a.state = s.key WHERE u.id = ? ORDER BY a.place"""
EVERYBODY = f"""SELECT u.id, {REF} FROM states s JOIN adapters a ON a.state = s.key JOIN users u ON u.key = s."user"
WHERE s.method = ? AND s.config = ? AND a.place = 0"""


class Found(NamedTuple):
    """A person's state: its bytes, or the name of their file, and where its adapters lie."""

    blob: bytes
    file: str | None
    refs: tuple[Ref, ...]


def find(database: Database, user_id: str, method: str, config: Mapping[str, Any]) -> Found:
    """The state of a user, a method and a configuration. Raises StoreError for an unknown user, and where there is none."""
    text = database.text
    rows = database.fetch(ONE, (text(method), text(canonical(config)), text(user_id)))
    if not rows:
        raise StoreError(f"user {user_id!r} is not in the store; add their records first, or see `users()` for who is")
    if rows[0][0] is None:
        raise StoreError(f"user {user_id!r} has no state of {method} with {canonical(config)}; enroll them first")
    return Found(rows[0][1], rows[0][2], tuple(_ref(row[3:]) for row in rows if row[3] is not None))


class Adapters:
    """Everybody's adapter of one method and configuration: who has one is known, and each is read when it is asked for.

    Another process may enroll, replace and erase people meanwhile: what is given is what is kept at that moment.
    Threads may share it.
    """

    def __init__(self, database: Database, rows: AdapterFiles | AdapterTable, method: str, config: Mapping[str, Any]) -> None:
        self._database, self._rows, self._method, self._config = database, rows, method, config
        wanted = (database.text(method), database.text(canonical(config)))
        self._refs = {text_of(row[0]): _ref(row[1:]) for row in database.fetch(EVERYBODY, wanted)}

    def load(self, user_id: str) -> Adapter:
        """A person's adapter, the first one of their state. Raises StoreError if they have none."""
        for _ in range(CHANGES):
            ref = self._refs.get(user_id) or self._found(user_id)
            try:
                return self._rows.read_now(ref)
            except FileNotFoundError:  # replaced or erased since
                self._refs.pop(user_id, None)
        raise StoreError(f"the adapter of {user_id!r} is not where it should be in {self._rows.folder}; enroll them again")

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._refs

    def __iter__(self) -> Iterator[str]:
        """The ids of everyone who had an adapter when this was made, and of those loaded since."""
        return iter(list(self._refs))

    def __len__(self) -> int:
        return len(self._refs)

    def _found(self, user_id: str) -> Ref:
        refs = find(self._database, user_id, self._method, self._config).refs
        if not refs:
            raise StoreError(f"the state of {user_id!r} of {self._method} has no adapter in a row; `Store.load` gives it as it is")
        self._refs[user_id] = refs[0]
        return refs[0]


def _ref(row: Sequence[Any]) -> Ref:
    file, number, token, name, scale, digest, seal = row
    return Ref(file, number, token, text_of(name), scale, digest, seal)
