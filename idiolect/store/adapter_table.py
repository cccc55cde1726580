"""People's adapters in PostgreSQL: each one's row of bytes in a table, as it would lie in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from sqlalchemy import Connection, insert
from sqlalchemy.dialects.postgresql import insert as insert_new

from idiolect.store import schema
from idiolect.store.adapters import Packed, Ref, Row, known, packed, unsealed
from idiolect.store.database import Database
from idiolect.store.keys import Key, Keys
from idiolect.store.layouts import HEADER, Layout
from idiolect.store.recent import Recent
from idiolect.store.row_file import TOKEN
from idiolect.types import Adapter

BODY = "SELECT body FROM adapter_bodies WHERE key = ? AND token = ?"
HOLDS = "SELECT 1 FROM adapter_bodies WHERE key = ? AND token = ?"
LAYOUT = "SELECT text FROM adapter_layouts WHERE name = ?"


class AdapterTable:
    """What `AdapterFiles` does in a folder, in two tables: a `file` is a layout's name, a `row` a body's key, never used twice."""

    def __init__(self, database: Database, precision: str, cached: int, keys: Keys | None = None) -> None:
        self.precision, self._keys = known(precision), keys
        self.recent: Recent[bytes, Adapter] = Recent(cached)
        self._database = database
        self._layouts: dict[str, Layout] = {}
        self.folder = database.place

    def pack(self, adapter: Adapter) -> Packed:
        """`adapter` in this store's precision. Raises StoreError where that cannot hold a number."""
        return packed(adapter, self.precision)

    def put(self, db: Connection, state: int, made: Sequence[Packed], key: Key | None = None) -> None:
        """Keep the adapters of a new state, sealed with `key`, in the open writing transaction."""
        for place, one in enumerate(made):
            named = {"name": one.layout.name, "text": one.layout.text}
            db.execute(insert_new(schema.layouts).values(named).on_conflict_do_nothing())
            token = os.urandom(TOKEN)
            own, seal = key.seal_body(one.body) if key else (one.body, None)
            body = insert(schema.bodies).values(token=token, body=bytes(HEADER) + own).returning(schema.bodies.c.key)
            ref = Ref(one.layout.name, db.execute(body).scalar_one(), token, one.name, one.scale, one.digest, seal)
            db.execute(insert(schema.adapters).values(state=state, place=place, **ref._asdict()))

    def read(self, ref: Ref) -> Adapter:
        """The adapter at a `ref` that was just looked up. Raises FileNotFoundError if it is not kept any more."""
        return self.recent.get(ref.token) or self._read(ref)

    def read_now(self, ref: Ref) -> Adapter:
        """The adapter at a `ref` looked up some time ago: it is checked that it is still kept. Raises as `read` does."""
        held = self.recent.get(ref.token)
        if held is None:
            return self._read(ref)
        if not self._database.fetch(HOLDS, (ref.row, ref.token)):
            self._gone(ref)
        return held

    def sync(self, db: Connection) -> None:
        """Nothing: the transaction has all of it."""

    def void(self, db: Connection, rows: Sequence[Row]) -> None:
        """Nothing: what was deleted is not found."""

    def clean(self, db: Connection, thorough: bool) -> None:
        """Nothing: a transaction that was cut short left nothing."""

    def close(self) -> None:
        """Let go of what was read."""
        self.recent.clear()

    def __iter__(self) -> Iterator[Path]:
        """No file."""
        return iter(())

    def _read(self, ref: Ref) -> Adapter:
        rows = self._database.fetch(BODY, (ref.row, ref.token))
        if not rows:
            self._gone(ref)
        layout = self._layout(ref.file)
        adapter = Adapter.checked(layout.factors(unsealed(rows[0][0], ref, self._keys)), ref.scale, ref.name, ref.digest)
        self.recent.put(ref.token, adapter, 4 * layout.numbers)
        return adapter

    def _layout(self, name: str) -> Layout:
        if name not in self._layouts:
            rows = self._database.fetch(LAYOUT, (name,))
            self._layouts[name] = Layout.read(rows[0][0] if rows else "")
        return self._layouts[name]

    def _gone(self, ref: Ref) -> NoReturn:
        self.recent.drop([ref.token])
        raise FileNotFoundError(f"the adapter {ref.row} is not kept any more")
