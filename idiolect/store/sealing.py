"""What is sealed in a store that has keys, and by whose: the texts of people's rows, their vectors and adapters, and their states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, String, Table, func, insert, select

from idiolect.errors import StoreError
from idiolect.store import schema
from idiolect.store.database import Database
from idiolect.store.keys import Key, Keys

OUT = "`idiolect export` each person, and bring them into a new store"

sealing = Table("sealing", schema.metadata, Column("check", String, primary_key=True))  # one row where the store is sealed: `Keys.check`


def agree(database: Database, keys: Keys | None) -> None:
    """See to it that a store is opened as it was made. Raises StoreError where keys are missing, others, or come too late."""

    def work(db: Connection) -> None:
        there = db.scalar(select(sealing.c.check))
        if keys is not None and there is None:
            if db.scalar(select(func.count()).select_from(schema.users)) or db.scalar(select(func.count()).select_from(schema.shared)):
                raise StoreError(f"{database.place} holds what is not sealed, and keys do not change that: {OUT}, or open it without keys")
            db.execute(insert(sealing).values(check=keys.check))

    there = database.read(lambda db: db.scalar(select(sealing.c.check)))
    if there is None and keys is not None:
        database.write(work)
        there = keys.check
    if there is not None and keys is None:
        raise StoreError(f"{database.place} is sealed: say where its keys are, and their secret (IDIOLECT_KEYS and IDIOLECT_SECRET)")
    if keys is not None and there != keys.check:
        raise StoreError(f"{database.place} was sealed with other keys than those in {keys.folder}: give the folder that belongs to it")


def key_of(db: Connection, user: int | None, make: bool = False) -> Key | None:
    """The key of a person by their key in the table of users; None in a store that is not sealed, and of nobody. Raises KeyGone."""
    keys = schema.keys_of(db.dialect)
    if keys is None:
        return None
    if user is None:
        return keys.shared()
    name = db.scalar(select(schema.users.c.id).where(schema.users.c.key == user))
    return None if name is None else keys.of(name, make)  # nobody: erased since, and nothing of them will be kept


def texts(db: Connection, user: int) -> Callable[[str], Any]:
    """What puts a text of a person's own as it is kept. Raises KeyGone."""
    key = key_of(db, user)
    return lambda text: text if key is None else key.seal(text.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Bodies:
    """Bytes of one person that are sealed in place: as many as there were, with a seal beside them; None where nothing is sealed."""

    keys: Keys | None = None
    key: Key | None = None

    def seal(self, body: bytes) -> tuple[bytes, bytes | None]:
        """The bytes as they are kept, and their seal."""
        return (body, None) if self.key is None else self.key.seal_stream(body)

    def open(self, body: bytes, seal: bytes | None) -> bytes:
        """The bytes as they were. Raises KeyGone."""
        return body if self.keys is None or seal is None else self.keys.open_stream(body, seal)


PLAIN = Bodies()
