"""Two processes at once, a process killed while it writes, a full disk: nothing acknowledged is lost, and what was there is whole."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from idiolect.errors import StoreError
from idiolect.store import Store
from idiolect.types import Record, State
from tests.store.test_states import same

ROOT = Path(__file__).parents[2]
OLD = State("old", arrays={"v": np.arange(40_000, dtype=np.float32)})
NEW = State("new", arrays={"v": np.ones(60_000, np.float32)})

WRITER = """
import sys
import time
import numpy as np
from idiolect.store import Store
from idiolect.types import Record, State
store, who, many = Store(sys.argv[1]), sys.argv[2], int(sys.argv[3])
store.add(who, [])
for i in range(many):
    store.add("both", [Record(who, str(i), i)])
    store.add(who, [Record(who, str(i), i)])
    if i % 5 == 0:
        store.save(who, "M", {}, State(str(i), arrays={"v": np.full(20_000, i, np.float32)}))
    print(i, flush=True)
"""


def start(path, who, many):
    command = [sys.executable, "-c", WRITER, str(path), who, str(many)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_two_processes_writing_at_once_lose_nothing(places, tmp_path):
    writers = [start(places(), who, 40) for who in ("ann", "bob")]
    assert [writer.communicate()[0].split()[-1] for writer in writers] == ["39", "39"]
    with Store(places()) as store:
        assert len(store.user("both").records) == 80
        for who in ("ann", "bob"):
            assert [r.answer for r in store.user(who).records] == [str(i) for i in range(40)]
            assert store.load(who, "M", {}).text == "35"
    assert len(list(tmp_path.rglob("*.safetensors"))) == (2 if places.in_files else 0)


def test_a_killed_process_loses_no_acknowledged_record(places, tmp_path):
    for kill, acks in enumerate((1, 7, 18)):
        writer = start(places(), f"writer {kill}", 100_000)
        for _ in range(acks):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = acks + len(writer.stdout.read().split("\n")[:-1])
        writer.wait()
        with Store(places()) as store:
            kept = [int(r.answer) for r in store.user(f"writer {kill}").records]
            assert kept == list(range(len(kept))) and len(kept) in (acknowledged, acknowledged + 1)
            state = store.load(f"writer {kill}", "M", {})
            assert np.array_equal(state.arrays["v"], np.full(20_000, int(state.text), np.float32))
            assert int(state.text) >= (acknowledged - 1) // 5 * 5
            assert len(list(tmp_path.rglob("p.db.states/*"))) == (kill + 1 if places.in_files else 0)


def test_a_store_is_opened_without_waiting_for_who_writes_and_cleaned_the_next_time(tmp_path):
    with Store(tmp_path / "p.db") as store:
        store.add("ann", [])
        store.save("ann", "M", {}, OLD)
        left = tmp_path / "p.db.states" / "left by a crash.half"
        left.write_bytes(b"half")
        with store._writing():
            began = time.monotonic()
            with Store(tmp_path / "p.db") as other:
                assert other.users() == ["ann"] and time.monotonic() - began < 5, "a writer would wait for 30 seconds"
                with other._reading() as db:
                    assert db.exec_driver_sql("PRAGMA busy_timeout").scalar() == 30_000
            assert left.exists()
    with Store(tmp_path / "p.db") as store:
        assert not left.exists() and same(store.load("ann", "M", {}), OLD)


@pytest.fixture
def kept(tmp_path):
    """A store with one big state, and what must still be there afterwards."""
    with Store(tmp_path / "p.db") as store:
        store.add("ann", [Record("p", "a", 1)])
        store.save("ann", "M", {}, OLD, "old history")
        yield store
        assert same(store.load("ann", "M", {}), OLD) and store.provenance("ann")[0].history == "old history"
        assert len(list((tmp_path / "p.db.states").iterdir())) == 1
        store.save("ann", "M", {}, NEW)
        assert same(store.load("ann", "M", {}), NEW)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_a_disk_that_is_full_at_any_step_leaves_the_old_state_whole(kept, monkeypatch, step):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(StoreError, match=r"could not be written .*No space left on device.* make room"):
            kept.save("ann", "M", {}, NEW, "new history")


def test_a_disk_that_fills_half_way_leaves_the_old_state_whole(kept, monkeypatch):
    write, room = os.write, [100_000]

    def filling(opened, raw):
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        done = write(opened, raw[: room[0]])
        room[0] -= done
        return done

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", filling)
        with pytest.raises(StoreError, match="No space left"):
            kept.save("ann", "M", {}, NEW)


def test_a_full_database_leaves_everything_whole(kept):
    raw = kept._database.engine.raw_connection()
    raw.execute("PRAGMA max_page_count=1").close()  # SQLite takes the present size instead: no page more
    raw.close()
    with pytest.raises(StoreError, match="full"):
        kept.add("ann", [Record("p", "x" * 5000, i) for i in range(100)])
    with pytest.raises(StoreError, match="full"):
        kept.save("ann", "other", {}, State("y" * 60_000))
    with pytest.raises(StoreError, match="full"):
        kept.save("ann", "o" * 60_000, {}, NEW)
    assert len(kept.user("ann").records) == 1 and len(kept.provenance("ann")) == 1
    kept._database.engine.dispose()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    if (
        os.name == "nt"
        or os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", place], capture_output=True).returncode
    ):
        pytest.skip("a small file system can be mounted by root alone")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_is_really_full_leaves_everything_whole(small_disk):
    with Store(small_disk / "p.db") as store:
        store.add("ann", [Record("p", "a", 1)])
        store.save("ann", "M", {}, OLD)
        with pytest.raises(StoreError, match="No space left"):
            store.save("ann", "M", {}, State(arrays={"v": np.ones(1_000_000)}))
        with pytest.raises(StoreError, match=r"full|disk I/O"):
            for i in range(100):
                store.add("bob", [Record("p", "x" * 50_000, i)])
        assert same(store.load("ann", "M", {}), OLD) and len(store.user("ann").records) == 1
    with Store(small_disk / "p.db") as store:
        assert same(store.load("ann", "M", {}), OLD)
        assert len(store.user("bob").records) >= 1
