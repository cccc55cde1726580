"""Keys: what one seals it alone opens, a destroyed one opens nothing, and a folder of keys belongs to one secret."""

import os
import threading

import pytest

from idiolect.errors import StoreError
from idiolect.store.keys import MARK, KeyGone, Keys

SECRET = "the tide comes in at nine"


@pytest.fixture
def keys(tmp_path):
    return Keys(tmp_path / "keys", SECRET)


def test_what_a_key_seals_it_opens_and_no_other(keys):
    ann, bob = keys.of("ann", make=True), keys.of("bob", make=True)
    sealed = ann.seal(b"I keep bees")
    assert sealed.startswith(MARK) and b"bees" not in sealed and keys.open(sealed) == b"I keep bees"
    assert sealed == ann.seal(b"I keep bees") != bob.seal(b"I keep bees")  # equal texts of one person alone are equal
    forged = MARK + bob.name + sealed[len(MARK) + len(ann.name) :]
    with pytest.raises(KeyGone):
        keys.open(forged)


def test_nothing_stays_nothing(keys):
    assert keys.of("ann", make=True).seal(b"") == b""


def test_a_body_keeps_its_length_and_one_changed_bit_is_noticed(keys):
    body = os.urandom(1000)
    sealed, seal = keys.of("ann", make=True).seal_body(body)
    assert len(sealed) == len(body) and sealed != body and keys.open_body(sealed, seal) == body
    with pytest.raises(KeyGone, match="damaged"):
        keys.open_body(bytes([sealed[0] ^ 1]) + sealed[1:], seal)


def test_of_a_stream_the_rest_is_opened_when_a_part_was_overwritten(keys):
    body = bytes(range(100))
    sealed, seal = keys.of("ann", make=True).seal_stream(body)
    again, other = keys.of("ann").seal_stream(body)
    assert sealed != again and seal != other  # never twice with one nonce
    opened = keys.open_stream(sealed[:40] + bytes(20) + sealed[60:], seal)
    assert opened[:40] == body[:40] and opened[60:] == body[60:] and opened[40:60] != body[40:60]


def test_a_destroyed_key_is_overwritten_and_opens_nothing_in_any_process(keys, tmp_path):
    other = Keys(tmp_path / "keys", SECRET)
    sealed = keys.of("ann", make=True).seal(b"I keep bees")
    assert other.open(sealed) == b"I keep bees"
    (path,) = (tmp_path / "keys").rglob("*.key")
    held = path.open("rb")  # what somebody who still has the file open would read
    keys.destroy("ann")
    assert not path.exists() and not any(held.read())
    with pytest.raises(KeyGone, match="destroyed"):
        keys.open(sealed)
    with pytest.raises(KeyGone):
        other.of("ann")  # who writes looks at the disk; who reads looks again after a while
    keys.destroy("ann")  # nobody is no error


def test_a_key_in_memory_is_looked_for_again_after_a_while(keys, tmp_path, monkeypatch):
    other = Keys(tmp_path / "keys", SECRET)
    sealed = keys.of("ann", make=True).seal(b"I keep bees")
    monkeypatch.setattr("idiolect.store.keys.AGAIN", -1.0)
    assert other.open(sealed) == b"I keep bees"
    keys.destroy("ann")
    with pytest.raises(KeyGone):
        other.open(sealed)


def test_somebody_who_comes_again_has_another_key_and_processes_notice(keys, tmp_path):
    other = Keys(tmp_path / "keys", SECRET)
    old = keys.of("ann", make=True).seal(b"before")
    assert other.open(old) == b"before"
    keys.destroy("ann")
    new = keys.of("ann", make=True).seal(b"after")
    assert other.open(new) == b"after"  # though it held the old key
    with pytest.raises(KeyGone):
        keys.open(old)


def test_threads_that_make_a_key_at_once_get_one(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(Keys(tmp_path / "k", SECRET).of("ann", make=True).secret)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8 and len(set(made)) == 1


def test_another_secret_is_refused_and_so_is_one_that_can_be_guessed(keys, tmp_path):
    with pytest.raises(StoreError, match="not that of the keys"):
        Keys(tmp_path / "keys", SECRET + "!")
    with pytest.raises(StoreError, match="can be guessed"):
        Keys(tmp_path / "other", "short")


def test_neither_ids_nor_keys_can_be_read_in_the_folder(keys, tmp_path):
    key = keys.of("ann of the harbour", make=True)
    for path in filter(os.path.isfile, (tmp_path / "keys").rglob("*")):
        raw = path.read_bytes() + str(path.relative_to(tmp_path)).encode()
        assert b"ann" not in raw and key.secret[:16] not in raw
        assert path.stat().st_mode & 0o077 == 0


def test_a_damaged_folder_says_what_to_do(keys, tmp_path):
    (tmp_path / "keys" / "about.json").write_text("{")
    with pytest.raises(StoreError, match="restore it from a backup"):
        Keys(tmp_path / "keys", SECRET)
