"""A process killed while it writes an adapter, a full disk: a store that opens, complete for everyone who was acknowledged."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from idiolect.errors import StoreError
from idiolect.store import Store
from idiolect.store.layouts import Layout
from idiolect.store.row_file import RowFile
from idiolect.types import Adapter, State
from tests.store.test_layouts import an_adapter

ROOT = Path(__file__).parents[2]

WRITER = """
import sys
import numpy as np
from idiolect.store import Store
from idiolect.types import Adapter, State

def full(value):
    return Adapter({"q": (np.full((8, 32768), value, np.float32), np.full((32768, 8), value, np.float32))})

store, people = Store(sys.argv[1]), ("ann", "bob", "cyd")
for who in people:
    store.add(who, [])
for i in range(100_000):
    store.save(people[i % 3], "M", {}, State(str(i), adapter=full(i)))
    print(i, flush=True)
"""


def whole(store, who):
    """The number that a person's state says and all of its 2 MB of adapter must hold."""
    state = store.load(who, "M", {})
    for factor in state.adapter.modules["q"]:
        assert (factor == float(state.text)).all()
    return int(state.text)


def test_a_process_killed_while_it_writes_adapters_loses_nobody(places, tmp_path):
    """Saves take turns among three people; killed at any moment, everyone's is the last acknowledged, or the one under way."""
    for pause in (0.0, 0.013, 0.037):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(places())],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(4):
            writer.stdout.readline()
        try:
            writer.wait(pause)
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
        last = 3 + len(writer.stdout.read().split("\n")[:-1])
        writer.wait()
        with Store(places()) as store:
            everybody = store.adapters("M", {})
            for turn, who in enumerate(("ann", "bob", "cyd")):
                acknowledged = last - (last - turn) % 3
                assert whole(store, who) in (acknowledged, last + 1) and everybody.load(who) == store.load(who, "M", {}).adapter
            rows = [path.stat().st_size for path in tmp_path.glob("p.db.adapters/*")]
            assert len(rows) == places.in_files and sum(rows) <= 4096 + 4 * (2 * 4 * 8 * 32768 + 64)  # one more than people, used again


class Killed(BaseException):
    """Not an error that anything handles: what a kill does to a process, in this one."""


STEPS = ["write", "fsync", "replace"]


@pytest.mark.parametrize("again", [False, True], ids=["first", "again"])
def test_stopped_at_any_step_of_a_save_the_store_opens_with_what_was_kept(tmp_path, monkeypatch, again):
    """Each write, sync and rename in turn is the last that happens; the new bytes are half written by then."""
    for stop in range(30):
        path = tmp_path / f"{stop}.db"
        with Store(path) as store:
            for who in ("ann", "bob"):
                store.add(who, [])
            if again:
                for seed, who in enumerate(("ann", "bob")):
                    store.save(who, "M", {}, State(adapter=an_adapter(seed)))
        finished = _stopped(path, stop, monkeypatch)
        with Store(path) as store:
            for folder in ("adapters", "states"):
                assert not list(tmp_path.glob(f"{stop}.db.{folder}/*.half"))
            kept = [provenance.method for provenance in store.provenance("ann")]
            assert kept == ["M"] if again or finished else kept in ([], ["M"])
            if kept:
                assert store.load("ann", "M", {}).adapter in ((an_adapter(9),) if finished else (an_adapter(0), an_adapter(9)))
            if again:
                assert store.load("bob", "M", {}).adapter == an_adapter(1)
            store.erase("ann")
            unfinished = an_adapter(9).modules["l.0.q"][1].tobytes()[4096:4128]
            assert not any(unfinished in file.read_bytes() for file in tmp_path.glob(f"{stop}.db*/*"))
        if finished:
            break
    assert finished and stop > 3


def _stopped(path, stop, monkeypatch):
    """Save for ann, dying at the step number `stop`; whether it came to the end before."""
    left = [stop]

    def dying(name, real):
        def step(*args):
            if left[0] == 0:
                if name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                raise Killed
            left[0] -= 1
            return real(*args)

        return step

    with monkeypatch.context() as patch, Store(path) as store:
        for name in STEPS:
            patch.setattr(os, name, dying(name, getattr(os, name)))
        try:
            store.save("ann", "M", {}, State(adapter=an_adapter(9)))
            return True
        except Killed:
            return False


@pytest.mark.parametrize("step", STEPS)
def test_a_disk_that_is_full_at_any_step_leaves_the_old_adapter_whole(tmp_path, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with Store(tmp_path / "p.db") as store:
        store.add("ann", [])
        store.save("ann", "M", {}, State(adapter=an_adapter(0)))
        with monkeypatch.context() as patch:
            patch.setattr(os, step, full)
            with pytest.raises(StoreError, match=r"could not be written .*No space left on device.* make room"):
                store.save("ann", "M", {}, State(adapter=an_adapter(1, rank=4)))  # in a file that is not there yet
            if step != "replace":
                with pytest.raises(StoreError, match="No space left"):
                    store.save("ann", "M", {}, State(adapter=an_adapter(2)))
        assert store.load("ann", "M", {}).adapter == an_adapter(0) and store.adapters("M", {}).load("ann") == an_adapter(0)
        store.save("ann", "M", {}, State(adapter=an_adapter(3)))
        assert store.load("ann", "M", {}).adapter == an_adapter(3)


@pytest.fixture
def rows(tmp_path):
    made = RowFile.make(tmp_path / "adapters", Layout.of(an_adapter(), "fp32"))
    yield made
    made.close()


def test_a_row_is_read_with_its_token_only(rows):
    body = rows.layout.encode(an_adapter())
    first, second = rows.write(0, body), rows.write(1, body)
    assert rows.read(0, first)[64:] == body and rows.holds(1, second) and not rows.holds(0, second) and not rows.holds(7, first)
    for row, token in ((0, second), (1, first), (2, first), (2, bytes(16))):
        with pytest.raises(FileNotFoundError):
            rows.read(row, token)
    rows.void(0)
    rows.wipe([1])
    for row, token in ((0, first), (1, second)):
        with pytest.raises(FileNotFoundError):
            rows.read(row, token)
    assert rows.blank(1) and rows.blank(2) and not rows.blank(0) and not rows.blank(0, thorough=False)


def test_while_a_row_is_written_over_a_reader_gets_the_old_content_whole_or_none(rows, monkeypatch):
    old, new = rows.layout.encode(an_adapter(0)), rows.layout.encode(an_adapter(1))
    token, reader, read, write = rows.write(0, old), RowFile(rows.path), [], os.write

    def watched(opened, raw):
        done = write(opened, raw[: max(1, len(raw) // 3)])  # the disk takes a part only, again and again
        try:
            read.append(reader.read(0, token)[64:])
        except FileNotFoundError:
            read.append(None)
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", watched)
        latest = rows.write(0, new)
    assert len(read) > 10 and not any(read) and reader.read(0, latest)[64:] == new
    reader.close()


def test_a_row_that_changes_while_it_is_read_is_not_given(rows, monkeypatch):
    old, new = rows.layout.encode(an_adapter(0)), rows.layout.encode(an_adapter(1))
    token, real = rows.write(0, old), os.pread

    def slow(opened, size, at):
        """The first half, then somebody else writes, then the second half."""
        monkeypatch.undo()
        first = real(opened, size // 2, at)
        rows.write(0, new)
        return first + real(opened, size - size // 2, at + size // 2)

    monkeypatch.setattr(os, "pread", slow)
    with pytest.raises(FileNotFoundError):
        rows.read(0, token)


def test_bytes_behind_a_blank_header_are_found_by_a_thorough_look_alone(rows):
    rows.write(0, rows.layout.encode(an_adapter()))
    with rows.path.open("r+b") as raw:
        raw.seek(rows.start)
        raw.write(bytes(64))
    assert rows.blank(0, thorough=False) and not rows.blank(0)


def test_what_lies_behind_the_last_row_is_cut(rows):
    token = rows.write(0, rows.layout.encode(an_adapter()))
    rows.write(3, rows.layout.encode(an_adapter()))
    rows.cut(1)
    assert rows.path.stat().st_size == rows.start + rows.stride and rows.holds(0, token)


def test_a_row_that_takes_no_zeros_is_told(rows, monkeypatch):
    rows.write(0, rows.layout.encode(an_adapter()))
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda opened, raw: len(raw))
        with pytest.raises(StoreError, match="do not take zeros"):
            rows.wipe([0])
    assert not rows.blank(0)


def test_without_positioned_reads_a_row_is_the_same(rows, monkeypatch):
    token = rows.write(0, rows.layout.encode(an_adapter()))
    there = rows.read(0, token)
    monkeypatch.delattr(os, "pread")
    assert rows.read(0, token) == there and rows.holds(0, token)


def test_big_adapters_of_numbers_of_any_kind_come_back(places):
    odd = np.random.default_rng(0).integers(0, 2**32, (8, 300_000), np.uint32).view(np.float32)  # every kind of NaN too
    adapter = Adapter({"q": (odd, np.ascontiguousarray(odd.T))})
    with Store(places()) as store:
        store.add("ann", [])
        store.save("ann", "M", {}, State(adapter=adapter))
        assert store.adapters("M", {}).load("ann").modules["q"][0].tobytes() == odd.tobytes()
