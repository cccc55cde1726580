"""People's adapters: which row of which file is whose, the folder of those files, and the rows that are free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, insert, select, update

from idiolect.errors import StoreError
from idiolect.store import schema
from idiolect.store.keys import Key, Keys
from idiolect.store.layouts import HEADER, PRECISIONS, Layout
from idiolect.store.recent import Recent
from idiolect.store.row_file import RowFile
from idiolect.types import Adapter

Row = tuple[str, int]  # a file's name, and a number


class Ref(NamedTuple):
    """Where an adapter lies, and what is known of it without looking."""

    file: str
    row: int
    token: bytes
    name: str
    scale: float
    digest: str
    seal: bytes | None = None


class Packed(NamedTuple):
    """An adapter as a row holds it, on its way there."""

    layout: Layout
    body: bytes
    name: str
    scale: float
    digest: str


COLUMNS = [schema.adapters.c[name] for name in Ref._fields]


class AdapterFiles:
    """The folder of rows. A file's name says what shape its adapters have, and nothing about whose they are.

    The last adapters read, up to `cached` bytes of them, are kept in memory and given again.
    """

    def __init__(self, folder: Path, precision: str, cached: int, keys: Keys | None = None) -> None:
        self.folder, self.precision, self._keys = folder, known(precision), keys
        self.recent: Recent[bytes, Adapter] = Recent(cached)
        self._files: dict[str, RowFile] = {}
        self._written: set[RowFile] = set()
        self._lock = threading.Lock()
        self._closed = False

    def pack(self, adapter: Adapter) -> Packed:
        """`adapter` in this store's precision. Raises StoreError where that cannot hold a number."""
        return packed(adapter, self.precision)

    def put(self, db: Connection, state: int, made: Sequence[Packed], key: Key | None = None) -> None:
        """Give the adapters of a new state their rows, sealed with `key`, in the open writing transaction.

        `sync` is to come before it is committed.
        """
        for place, one in enumerate(made):
            file = self._made(one.layout)
            row = _claim(db, file.path.name)
            self._written.add(file)
            body, seal = key.seal_body(one.body) if key else (one.body, None)
            ref = Ref(file.path.name, row, file.write(row, body), one.name, one.scale, one.digest, seal)
            db.execute(insert(schema.adapters).values(state=state, place=place, **ref._asdict()))

    def sync(self, db: Connection) -> None:
        """The last thing before a transaction is committed: every row that was put is on the disk, those that were freed may be used."""
        while self._written:
            self._written.pop().sync()
        settle(db)

    def read(self, ref: Ref) -> Adapter:
        """The adapter at a `ref` that was just looked up.

        Raises FileNotFoundError if it lies there no more, and StoreError if its file is damaged.
        """
        return self.recent.get(ref.token) or self._read(self._opened(ref.file), ref)

    def read_now(self, ref: Ref) -> Adapter:
        """The adapter at a `ref` looked up some time ago: it is checked that it still lies there. Raises as `read` does."""
        file = self._opened(ref.file)
        held = self.recent.get(ref.token)
        if held is None:
            return self._read(file, ref)
        if not file.holds(ref.row, ref.token):
            self._gone(ref)
        return held

    def _read(self, file: RowFile, ref: Ref) -> Adapter:
        raw = unsealed(file.read(ref.row, ref.token), ref, self._keys)
        adapter = Adapter.checked(file.layout.factors(raw), ref.scale, ref.name, ref.digest)
        self.recent.put(ref.token, adapter, 4 * file.layout.numbers)
        if not file.holds(ref.row, ref.token):  # erased while it was read: memory is not to hold it either
            self._gone(ref)
        return adapter

    def _gone(self, ref: Ref) -> NoReturn:
        self.recent.drop([ref.token])
        raise FileNotFoundError(f"{ref.file} holds something else in row {ref.row}")

    def void(self, db: Connection, rows: Sequence[Row]) -> None:
        """Mark those of `rows` that are free, so that nobody who knows them reads them. In a writing transaction."""
        for name, row in rows:
            if db.scalar(select(schema.free_rows.c.row).where(*_at(schema.free_rows, name, row))) is not None:
                self._opened(name).void(row)

    def clean(self, db: Connection, thorough: bool) -> None:
        """Wipe what lies in free rows (`thorough`: look at their every byte), and cut what lies behind the last. In a writing transaction.

        Raises StoreError if `thorough` and something cannot be wiped.
        """
        for path in self:
            if path.suffix == ".half":
                path.unlink(missing_ok=True)  # it was being made by a process that was killed
            if path.suffix != ".rows":
                continue
            free = list(db.scalars(select(schema.free_rows.c.row).where(schema.free_rows.c.file == path.name)))
            try:
                file = self._opened(path.name)
            except StoreError:
                if thorough and free:
                    raise
                continue  # a damaged file: said when somebody's adapter in it is asked for
            file.cut(_end(db, path.name))
            file.wipe([row for row in free if not file.blank(row, thorough)])

    def close(self) -> None:
        """Let go of the files, and of what was read. Reading afterwards raises StoreError."""
        self._closed = True
        self.recent.clear()
        for file in self._files.values():
            file.close()
        self._files = {}

    def __iter__(self) -> Iterator[Path]:
        """Every file in the folder, in the order of their names."""
        return iter(sorted(self.folder.iterdir()) if self.folder.is_dir() else [])

    def _opened(self, name: str) -> RowFile:
        return self._files.get(name) or self._kept(name, lambda: self._open(name))

    def _made(self, layout: Layout) -> RowFile:
        name = f"{layout.name}.rows"
        return self._files.get(name) or self._kept(name, lambda: RowFile.make(self.folder, layout))

    def _kept(self, name: str, made: Callable[[], RowFile]) -> RowFile:
        if self._closed:
            raise StoreError(f"the store of {self.folder} is closed; open it again with Store(path)")
        with self._lock:
            if name not in self._files:
                self._files[name] = made()
            return self._files[name]

    def _open(self, name: str) -> RowFile:
        try:
            return RowFile(self.folder / name)
        except FileNotFoundError:
            raise StoreError(f"{self.folder / name}, a file of adapters, is gone; restore it, or enroll its people again") from None
        except OSError as error:
            raise StoreError(f"{self.folder / name} cannot be opened ({error.strerror}); see to its permissions") from error


def release(db: Connection, states: Select[tuple[int]]) -> list[Ref]:
    """Free the rows of the adapters of `states` (a query of their keys), in a writing transaction; where they lay.

    Those of files are `pending` and not used again before `settle`: until the transaction is committed they are what is kept.
    """
    mine = schema.adapters.c.state.in_(states)
    refs = [Ref(*row) for row in db.execute(select(*COLUMNS).where(mine))]
    if refs and db.dialect.name == schema.POSTGRES:
        db.execute(delete(schema.bodies).where(schema.bodies.c.key.in_([ref.row for ref in refs])))
    elif refs:
        db.execute(insert(schema.free_rows), [{"file": ref.file, "row": ref.row, "pending": True} for ref in refs])
    if refs:
        db.execute(delete(schema.adapters).where(mine))
    return refs


def settle(db: Connection) -> None:
    """Let rows of files that this transaction freed be used by the next one. The last thing before it is committed."""
    if db.dialect.name == schema.SQLITE:
        db.execute(update(schema.free_rows).where(schema.free_rows.c.pending).values(pending=False))


def known(precision: str) -> str:
    """The same. Raises StoreError for a precision that there is not."""
    if precision not in PRECISIONS:
        raise StoreError(f"there is no precision {precision!r}; choose one of {', '.join(PRECISIONS)}")
    return precision


def unsealed(raw: bytes, ref: Ref, keys: Keys | None) -> bytes:
    """A row, its header and its content, as it was before it was sealed."""
    return raw if ref.seal is None or keys is None else raw[:HEADER] + keys.open_body(raw[HEADER:], ref.seal)


def packed(adapter: Adapter, precision: str) -> Packed:
    """`adapter` as a row holds it. Raises StoreError where the precision cannot hold a number."""
    layout = Layout.of(adapter, precision)
    body = layout.encode(adapter)
    kept = adapter if precision == "fp32" else Adapter(layout.factors(bytes(HEADER) + body), adapter.scale)
    return Packed(layout, body, adapter.name, float(adapter.scale), kept.digest)


def _claim(db: Connection, file: str) -> int:
    """A row that is free, or a new one at the end."""
    table = schema.free_rows
    row = db.scalar(select(func.min(table.c.row)).where(table.c.file == file, table.c.pending.is_(False)))
    if row is None:
        return _end(db, file)
    db.execute(delete(table).where(*_at(table, file, row)))
    return int(row)


def _end(db: Connection, file: str) -> int:
    """How many rows a file has, the free ones too."""
    tops = (db.scalar(select(func.max(table.c.row)).where(table.c.file == file)) for table in (schema.adapters, schema.free_rows))
    return max(-1 if top is None else int(top) for top in tops) + 1


def _at(table: Table, file: str, row: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.file == file, table.c.row == row
