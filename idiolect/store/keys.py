"""Keys to what is kept of people, one each, in a folder apart from the store: once a key is destroyed, no copy can be read any more.

What is sealed says by a name whose key opens it. The name is made of the person's id and the secret, and tells nothing without it. AES-SIV
(RFC 5297) needs no nonce, so nothing can be sealed with one twice; equal texts of one person look equal. Vectors, of which the database
itself overwrites some, are sealed number by number in counter mode, each chunk with a nonce of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from idiolect.errors import StoreError
from idiolect.extras import need
from idiolect.store.recent import Recent
from idiolect.store.writing import overwrite, sync_folder, write_through

MARK = b"\xff\xfeS1"  # no text begins like this: UTF-8 has neither byte
NAME, TAG, NONCE, SIZE = 16, 16, 16, 64  # bytes of a key's name, of what authenticates, of a nonce, of a key
ABOUT = "about.json"
FORMAT = "idiolect.keys.1"
SHORTEST = 16  # characters of a secret
AGAIN = 30.0  # seconds after which it is looked up whether a key is still there
HELD = 4 << 20  # bytes of keys in memory


class KeyGone(StoreError):
    """Something is sealed with a key that is not there any more."""


class Key(NamedTuple):
    """One person's key: its name, and what seals with it. `until` is when to look whether it is still there (a monotonic time)."""

    name: bytes
    secret: bytes
    cipher: Any
    until: float

    def seal(self, raw: bytes) -> bytes:
        """`raw`, so that only this key opens it; nothing is nothing."""
        if not raw:
            return raw
        sealed: bytes = self.cipher.encrypt(raw, None)
        return MARK + self.name + sealed

    def seal_body(self, body: bytes) -> tuple[bytes, bytes]:
        """`body` sealed to the same number of bytes, and a seal that `Keys.open_body` wants with it."""
        sealed = self.cipher.encrypt(body, None)
        return sealed[TAG:], MARK + self.name + sealed[:TAG]

    def seal_stream(self, body: bytes) -> tuple[bytes, bytes]:
        """`body` sealed byte by byte: parts of it may be overwritten, and the rest is opened all the same; and its seal."""
        nonce = os.urandom(NONCE)
        return _streamed(self.secret, nonce, body), MARK + self.name + nonce


class Keys:
    """The keys in `folder`, each wrapped with what is made of `secret`; a new folder takes the secret as its own.

    Keep the folder out of the store's backups, or what was erased can be read in them. Threads and processes may share it.
    Raises StoreError for another secret than the folder's, one that is too short, and a folder that cannot be read.
    """

    def __init__(self, folder: Path | str, secret: str) -> None:
        self.folder = Path(folder).absolute()
        if len(secret) < SHORTEST:
            raise StoreError(f"a secret of {len(secret)} characters can be guessed: give one of {SHORTEST} or more, such as 32 random ones")
        self._siv = need("cryptography.hazmat.primitives.ciphers.aead", "sealing a store").AESSIV
        need("cryptography.hazmat.primitives.ciphers", "sealing a store")
        self._held: Recent[bytes, Key] = Recent(HELD)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._master = self._proved(secret)
        except OSError as error:
            raise StoreError(f"the keys in {self.folder} cannot be read ({error.strerror or error}); see to its permissions") from error
        self._wrap = self._siv(_derived(self._master, b"wrap"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Keys | None:
        """The keys in the folder IDIOLECT_KEYS, with IDIOLECT_SECRET or what is in IDIOLECT_SECRET_FILE; None where none of them is set.

        Raises StoreError where one is set without the other: a store is not to be left unsealed by a slip.
        """
        folder, secret, file = (environment.get(name, "") for name in ("IDIOLECT_KEYS", "IDIOLECT_SECRET", "IDIOLECT_SECRET_FILE"))
        if not folder and not secret and not file:
            return None
        if not folder or not (secret or file):
            raise StoreError("a sealed store needs both: IDIOLECT_KEYS, a folder, and IDIOLECT_SECRET (or IDIOLECT_SECRET_FILE)")
        try:
            return cls(folder, secret or Path(file).read_text().strip())
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"the secret in {file} cannot be read ({error}); see to its permissions") from error

    @property
    def check(self) -> str:
        """Names the secret, without telling it: a store remembers it, and is opened with these keys alone."""
        return _named(self._master, b"store").hex()

    def of(self, user_id: str, make: bool = False) -> Key:
        """The key of somebody, as it is on the disk now; `make`: a new one, where they have none. Raises KeyGone.

        Only whoever makes somebody known, in that transaction, makes a key: one that is lacking later was destroyed.
        """
        return self._made(self._name(user_id), make)

    def shared(self) -> Key:
        """The key of what people taught together; made if there is none."""
        return self._made(_named(self._master, b"shared"), True)

    def destroy(self, user_id: str) -> None:
        """Overwrite and unlink a person's key, if there is one: on the disk before this returns. Raises StoreError if it cannot be."""
        name = self._name(user_id)
        self._held.drop([name])
        path = self._path(name)
        try:
            overwrite(path)
            path.unlink()
            sync_folder(path.parent)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(f"the key {path} could not be destroyed ({error.strerror or error}); free it and erase again") from error

    def open(self, raw: bytes) -> bytes:
        """What `Key.seal` sealed. Raises KeyGone without its key, StoreError if it is damaged."""
        return self._opened(bytes(raw[len(MARK) : len(MARK) + NAME]), bytes(raw[len(MARK) + NAME :]))

    def open_body(self, body: bytes, seal: bytes) -> bytes:
        """What `Key.seal_body` sealed. Raises as `open` does."""
        return self._opened(seal[len(MARK) : len(MARK) + NAME], seal[len(MARK) + NAME :] + body)

    def open_stream(self, body: bytes, seal: bytes) -> bytes:
        """What `Key.seal_stream` sealed; what was overwritten is noise. Raises KeyGone."""
        key = self._key(seal[len(MARK) : len(MARK) + NAME])
        return _streamed(key.secret, seal[len(MARK) + NAME :], body)

    def _opened(self, name: bytes, sealed: bytes) -> bytes:
        invalid = need("cryptography.exceptions", "sealing a store").InvalidTag
        for fresh in (False, True):  # a key in memory may be that of the same id before it was erased and came again
            with contextlib.suppress(invalid):
                raw: bytes = self._key(name, fresh).cipher.decrypt(sealed, None)
                return raw
        raise self._gone(f"{len(sealed)} bytes are damaged, or their key")

    def _key(self, name: bytes, fresh: bool = False) -> Key:
        held = self._held.get(name)
        if held is not None and not fresh and time.monotonic() < held.until:
            return held
        try:
            wrapped = self._path(name).read_bytes()
        except FileNotFoundError:
            self._held.drop([name])
            raise self._gone("a key is not there") from None
        except OSError as error:
            raise StoreError(f"a key in {self.folder} cannot be read ({error.strerror or error}); see to its permissions") from error
        invalid = need("cryptography.exceptions", "sealing a store").InvalidTag
        try:
            return self._keep(name, self._wrap.decrypt(wrapped, [name]))
        except (invalid, ValueError):
            raise self._gone("a key is damaged") from None

    def _keep(self, name: bytes, secret: bytes) -> Key:
        made = Key(name, secret, self._siv(secret), time.monotonic() + AGAIN)
        self._held.put(name, made, 4 * SIZE)
        return made

    def _gone(self, what: str) -> KeyGone:
        return KeyGone(
            f"{what} in {self.folder}: destroyed when its person was erased, or lost, and what it sealed cannot be read. "
            "Restore the keys from a backup of that folder, enroll the person again, or erase them to clear it away"
        )

    def _name(self, user_id: str) -> bytes:
        return _named(self._master, b"user\0" + user_id.encode("utf-8", "surrogatepass"))

    def _path(self, name: bytes) -> Path:
        return self.folder / name.hex()[:2] / f"{name.hex()}.key"

    def _made(self, name: bytes, make: bool) -> Key:
        try:
            return self._key(name, fresh=True)
        except KeyGone:
            if not make:
                raise
        path = self._path(name)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            _put(path, self._wrap.encrypt(os.urandom(SIZE), [name]))
            sync_folder(self.folder)
        except OSError as error:
            raise StoreError(f"a key could not be written to {self.folder} ({error.strerror or error}); make room there") from error
        return self._key(name, fresh=True)

    def _proved(self, secret: str) -> bytes:
        """What is made of the secret, if it is that of the folder."""
        path = self.folder / ABOUT
        if not path.exists():
            salt = os.urandom(16)
            about = {"format": FORMAT, "salt": salt.hex(), "check": _named(_stretched(secret, salt), b"check").hex()}
            _put(path, json.dumps(about).encode())
        try:
            kept = json.loads(path.read_bytes())
            salt, check, found = bytes.fromhex(kept["salt"]), bytes.fromhex(kept["check"]), kept["format"]
        except (ValueError, LookupError, TypeError):
            raise StoreError(f"{path} is damaged: restore it from a backup of the keys; without it nothing sealed can be read") from None
        if found != FORMAT:
            raise StoreError(f"the keys in {self.folder} are of the format {found!r}, not {FORMAT!r}: upgrade idiolect")
        master = _stretched(secret, salt)
        if not hmac.compare_digest(_named(master, b"check"), check):
            raise StoreError(f"this secret is not that of the keys in {self.folder}: give the one that they were made with")
        return master


def _put(path: Path, raw: bytes) -> None:
    """A file that is whole or not there; of two that put it at once, the first stays."""
    half = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    write_through(half, raw)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(half, path)
    finally:
        half.unlink(missing_ok=True)
    sync_folder(path.parent)


def _stretched(secret: str, salt: bytes) -> bytes:
    return hashlib.scrypt(secret.encode("utf-8", "surrogatepass"), salt=salt, n=1 << 14, r=8, p=1, dklen=32)


def _named(master: bytes, what: bytes) -> bytes:
    return hmac.digest(master, what, "sha256")[:NAME]


def _derived(master: bytes, what: bytes) -> bytes:
    return hmac.digest(master, what, "sha512")


def _streamed(secret: bytes, nonce: bytes, body: bytes) -> bytes:
    ciphers = need("cryptography.hazmat.primitives.ciphers", "sealing a store")
    cipher = ciphers.Cipher(ciphers.algorithms.AES(_derived(secret, b"stream")[:32]), ciphers.modes.CTR(nonce))
    made: bytes = cipher.encryptor().update(body)
    return made
