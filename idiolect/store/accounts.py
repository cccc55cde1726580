"""API keys and people's own tokens: kept as digests, so that whoever reads the store cannot call the server with them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    Select,
    String,
    Table,
    delete,
    insert,
    or_,
    select,
    update,
)

from idiolect.errors import DataError
from idiolect.store import rows, schema
from idiolect.store.schema import AnyText, Key, Sessions

KEY, TOKEN = "idl_", "idt_"  # what the secrets of keys and of people's tokens begin with
SECRET = re.compile(r"(?:idl|idt)_[A-Za-z0-9_-]{43}")
ID = re.compile(r"(?:key|tok)-[0-9a-f]{16}")
APPLICATION = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
ROLES = ("application", "operator")  # of keys; a token's holder is a person
LONGEST = 200  # characters of a label

keys = Table(
    "keys",
    schema.metadata,
    Column("key", Key, primary_key=True),
    Column("id", String, nullable=False, unique=True),  # public: the log and the lists say it
    Column("digest", LargeBinary, nullable=False),
    Column("application", String, nullable=False),
    Column("role", String, nullable=False),
    Column("label", AnyText, nullable=False),  # the operator's words; who names a person in them leaves a trace that erasing finds
    Column("created", Float, nullable=False),  # POSIX seconds, as all times here
    Column("used", Integer),  # the day, since 1970, UTC: no more is known of when somebody works
    Column("expires", Float),
    Column("revoked", Float),
)
tokens = Table(
    "tokens",
    schema.metadata,
    Column("key", Key, primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False),
    Column("user", ForeignKey("users.key", ondelete="CASCADE"), nullable=False),
    Column("maker", ForeignKey("keys.key", ondelete="CASCADE")),  # none: made while the server asked nobody for a key
    Column("created", Float, nullable=False),
    Column("expires", Float),
    Index("tokens_of", "user"),
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key; not the key. It is one of `application`; "" is the one that has no name."""

    id: str
    application: str
    role: str
    label: str
    created: float
    used: int | None
    expires: float | None
    revoked: float | None

    def live(self, now: float) -> bool:
        """Whether it opens anything."""
        return self.revoked is None and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class PersonToken:
    """What is known of a person's token; `maker` is the id of the key that made it, None for none."""

    id: str
    user: str
    maker: str | None
    created: float
    expires: float | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Who shows a secret: a key of an application, or the token of the person whose key in the store is `user`."""

    id: str
    role: str
    application: str = ""
    user: str | None = None
    expires: float | None = None
    used: int | None = None
    kept: bool = True  # False: a token that no key made, which opens a server without keys only


class Accounts:
    """The keys and tokens of a store. Threads and processes share them; what a call wrote is on the disk."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def add(self, application: str, role: str, label: str = "", expires: float | None = None) -> tuple[str, ApiKey]:
        """Make a key: its secret, which nobody can be told again, and what is known of it. Raises DataError."""
        if application and not APPLICATION.fullmatch(application):
            raise DataError(
                "an application's name has 1 to 40 small letters, digits and '-', and begins with a letter or digit; '' is the one without"
            )
        if role not in ROLES:
            raise DataError(f"a key's role is one of {', '.join(ROLES)}; a person's token is made under /v1/users/ID/tokens")
        if len(label) > LONGEST:
            raise DataError(f"a label has at most {LONGEST} characters, not {len(label)}")
        now = time.time()
        if expires is not None and not now < expires < float("inf"):
            raise DataError("a key cannot end before it begins: give a later time, or leave it out")
        secret, name, digest = _made(KEY)
        made = ApiKey(name, application, role, label, now, None, expires, None)
        row = {"id": name, "digest": digest, "application": application, "role": role, "label": label, "created": now, "expires": expires}
        with self._sessions("BEGIN IMMEDIATE") as db:
            db.execute(insert(keys).values(row))
        return secret, made

    def keys(self, limit: int, after: str | None = None) -> list[ApiKey]:
        """Keys in the order they were made, those revoked and expired too; those after the one of this id. Raises DataError."""
        with self._sessions("BEGIN") as db:
            asked = select(keys).where(keys.c.key > _place(db, keys, after))
            return [_key(row) for row in db.execute(asked.order_by(keys.c.key).limit(limit))]

    def revoke(self, key_id: str) -> ApiKey | None:
        """Let a key open nothing any more, nor the tokens that it made; None if there is no such key. It stays in the list."""
        if not ID.fullmatch(key_id):  # PostgreSQL takes no NUL in what it compares
            return None
        with self._sessions("BEGIN IMMEDIATE") as db:
            mine = keys.c.id == key_id
            db.execute(update(keys).where(mine, keys.c.revoked.is_(None)).values(revoked=time.time()))
            row = db.execute(select(keys).where(mine)).one_or_none()
            if row is not None:
                db.execute(delete(tokens).where(tokens.c.maker == row.key))
        return None if row is None else _key(row)

    def some(self) -> bool:
        """Whether a key was ever made: one that is revoked still says that this server is not open to everybody."""
        with self._sessions("BEGIN") as db:
            return db.scalar(select(keys.c.key).limit(1)) is not None

    def live(self) -> bool:
        """Whether there is a key that opens something."""
        with self._sessions("BEGIN") as db:
            asked = select(keys.c.key).where(keys.c.revoked.is_(None), or_(keys.c.expires.is_(None), keys.c.expires > time.time()))
            return db.scalar(asked.limit(1)) is not None

    def holder(self, secret: str) -> Holder | None:
        """Who holds `secret`; None for one that opens nothing, whatever the reason."""
        if not SECRET.fullmatch(secret):
            return None
        name, digest = _named(secret)
        with self._sessions("BEGIN") as db:
            found = _key_holder(db, name) if secret.startswith(KEY) else _token_holder(db, name)
        kept, holder = found or (bytes(32), None)
        return holder if hmac.compare_digest(digest, kept) else None

    def seen(self, key_id: str, day: int) -> None:
        """A key was used on a day since 1970."""
        with self._sessions("BEGIN IMMEDIATE") as db:
            db.execute(update(keys).where(keys.c.id == key_id).values(used=day))

    def issue(self, user_id: str, maker: str | None, seconds: float | None) -> tuple[str, PersonToken]:
        """Make a token of a person (their key in the store), who becomes known if new: its secret, and what is known of it.

        It ends after `seconds`, with the key `maker` (an id), and when the person is erased, whichever comes first.
        """
        if seconds is not None and not 0 < seconds < float("inf"):
            raise DataError("a token lasts longer than 0 seconds; leave the time out for one that lasts")
        now = time.time()
        secret, name, digest = _made(TOKEN)
        made = PersonToken(name, user_id, maker, now, None if seconds is None else now + seconds)
        with self._sessions("BEGIN IMMEDIATE") as db:
            rows.add(db, user_id, [])
            user = rows.key_of(db, user_id)
            key = None if maker is None else db.scalar(select(keys.c.key).where(keys.c.id == maker, keys.c.revoked.is_(None)))
            if maker is not None and key is None:
                raise DataError("the key that asks for a token was revoked meanwhile: ask with another one")
            db.execute(delete(tokens).where(tokens.c.user == user, tokens.c.expires < now))
            db.execute(insert(tokens).values(id=name, digest=digest, user=user, maker=key, created=now, expires=made.expires))
        return secret, made

    def tokens(self, user_id: str, limit: int, after: str | None = None) -> list[PersonToken]:
        """A person's tokens in the order they were made; those after the one of this id. Raises DataError."""
        with self._sessions("BEGIN") as db:
            asked = _tokens(user_id).where(tokens.c.key > _place(db, tokens, after)).order_by(tokens.c.key).limit(limit)
            return [PersonToken(*row) for row in db.execute(asked)]

    def withdraw(self, user_id: str, token_id: str) -> bool:
        """Let a person's token open nothing any more; False if they have no such token."""
        if not ID.fullmatch(token_id):
            return False
        user = select(schema.users.c.key).where(schema.users.c.id == user_id).scalar_subquery()
        with self._sessions("BEGIN IMMEDIATE") as db:
            return bool(db.execute(delete(tokens).where(tokens.c.id == token_id, tokens.c.user == user)).rowcount)


def _made(kind: str) -> tuple[str, str, bytes]:
    """A new secret, its id and its digest."""
    secret = kind + secrets.token_urlsafe(32)
    return secret, *_named(secret)


def _named(secret: str) -> tuple[str, bytes]:
    """The id and the digest of a secret.

    SHA-256 once is enough: a slow hash makes it dear to try every likely password, and of 2^256 equally likely secrets nobody
    tries a part worth naming. The id is the beginning of the digest, so that the row is found by what everybody may know and
    the rest is compared in constant time.
    """
    digest = hashlib.sha256(secret.encode()).digest()
    return ("key-" if secret.startswith(KEY) else "tok-") + digest[:8].hex(), digest


def _key_holder(db: Connection, name: str) -> tuple[bytes, Holder | None] | None:
    row = db.execute(select(keys).where(keys.c.id == name)).one_or_none()
    if row is None:
        return None
    held = Holder(row.id, row.role, row.application, None, row.expires, row.used)
    return row.digest, held if _key(row).live(time.time()) else None


def _token_holder(db: Connection, name: str) -> tuple[bytes, Holder | None] | None:
    columns = (tokens.c.digest, tokens.c.expires, tokens.c.maker, schema.users.c.id, keys.c.revoked, keys.c.expires.label("ends"))
    joined = tokens.join(schema.users).outerjoin(keys, tokens.c.maker == keys.c.key)
    row = db.execute(select(*columns).select_from(joined).where(tokens.c.id == name)).one_or_none()
    if row is None:
        return None
    ends = min((one for one in (row.expires, row.ends) if one is not None), default=None)
    live = row.revoked is None and (ends is None or time.time() < ends)
    return row.digest, Holder(name, "person", "", row.id, ends, None, row.maker is not None) if live else None


def _tokens(user_id: str) -> Select[Any]:
    columns = (tokens.c.id, schema.users.c.id, keys.c.id, tokens.c.created, tokens.c.expires)
    return (
        select(*columns)
        .select_from(tokens.join(schema.users).outerjoin(keys, tokens.c.maker == keys.c.key))
        .where(schema.users.c.id == user_id)
    )


def _place(db: Connection, table: Table, after: str | None) -> int:
    """Where in a list the row of an id stands. A token that was withdrawn between two pages has no place any more."""
    if after is None:
        return 0
    found = db.scalar(select(table.c.key).where(table.c.id == after)) if ID.fullmatch(after) else None
    if found is None:
        raise DataError("`after` is not a place in this list: begin again without it")
    return int(found)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(row.id, row.application, row.role, row.label, row.created, row.used, row.expires, row.revoked)
