"""What a SIGKILL costs: processes that write at once are killed at any moment, and all that they were acknowledged must be there.

    OMP_NUM_THREADS=1 python benchmarks/kills.py [--kills 200] [--writers 3] [--only sqlite postgresql] [--folder PATH]

After each kill the store is opened by another process, with everybody else still writing, and the killed one's person is read
whole: records in order without a gap, up to the last that was acknowledged or the one under way, and a state that is of one
save. PostgreSQL is started for this, with fsync on, and is not killed: that its log outlives a crash is its own promise.
`kills` takes what is to be killed as a function, so that a server can be killed in the same way.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from idiolect.errors import StoreError
from idiolect.store import Store
from idiolect.types import Adapter, Record, State

EVERY = 4  # writes of records to one of a state
METHOD, CONFIG = "Kills", {"k": 1}
LONGEST = 0.4  # seconds that a process writes before it is killed
MODULES = ["idiolect.store", "idiolect.store.postgres", "numpy"]

Acknowledge = Callable[[int], None]
Writer = Callable[[str, str, Acknowledge], None]  # place, person: writes until it is killed, and says each number that is kept


class Victim(Protocol):
    """Something that writes for one person until it is killed."""

    person: str

    def kill(self) -> int:
        """Kill it at once: how many writes it had been acknowledged, 0, 1, 2 and so on."""


@dataclass
class Tally:
    """What was found after the kills."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    partial: list[str] = field(default_factory=list)
    reopened: list[float] = field(default_factory=list)  # seconds

    def told(self, name: str) -> str:
        """One line."""
        quick = sorted(self.reopened)
        times = f"open again in {1e3 * statistics.median(quick):.0f} ms (median), {1e3 * quick[-1]:.0f} ms (worst)"
        return (
            f"{name:12} {self.kills} kills, {self.acknowledged} writes acknowledged, {self.lost} lost, {len(self.partial)} partial; {times}"
        )


def write(place: str, person: str, acknowledge: Acknowledge) -> None:
    """Records one by one, and now and then a state with an array and an adapter that say the same number."""
    store = Store(place)
    for number in range(10**9):
        store.add(person, [Record("What now?", str(number), float(number), f"r{number}")])
        if number % EVERY == 0:
            arrays = {"v": np.full(20_000, number, np.float32)}
            adapter = Adapter({"q": (np.full((8, 4096), number, np.float32), np.full((64, 8), number, np.float32))})
            store.save(person, METHOD, CONFIG, State(str(number), arrays=arrays, adapter=adapter))
        acknowledge(number)


class Process:
    """A process of its own in which a `Writer` runs; what it says stays in a pipe, whatever happens to it."""

    def __init__(self, writer: Writer, place: str, person: str) -> None:
        self.person = person
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(MODULES)
        self._heard, said = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(writer, place, person, said), daemon=True)
        self._process.start()
        said.close()
        self._first = self._heard.recv()

    def kill(self) -> int:
        """SIGKILL."""
        if self._process.pid is not None:
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()
        last = self._first
        with contextlib.suppress(EOFError):
            while True:
                last = self._heard.recv()
        self._heard.close()
        return int(last) + 1


def _run(writer: Writer, place: str, person: str, said: multiprocessing.connection.Connection) -> None:
    writer(place, person, said.send)


def kept(store: Store, person: str, acknowledged: int, tally: Tally) -> None:
    """Compare what is kept of a person with what was acknowledged."""
    numbers = [int(record.answer) for record in store.user(person).records]
    tally.acknowledged += acknowledged
    tally.lost += max(0, acknowledged - len(numbers))
    if numbers != list(range(len(numbers))) or len(numbers) > acknowledged + 1:
        tally.partial.append(f"{person}: {len(numbers)} records for {acknowledged} acknowledged")
    try:
        state = store.load(person, METHOD, CONFIG)
    except StoreError as error:
        tally.partial.append(f"{person}: {error}")
        return
    saved = float(state.text)
    whole = bool((state.arrays["v"] == saved).all()) and state.adapter is not None
    whole = whole and all(bool((one == saved).all()) for pair in state.adapter.modules.values() for one in pair)  # type: ignore[union-attr]
    if not whole:
        tally.partial.append(f"{person}: a state of more than one save")
    if saved < (acknowledged - 1) // EVERY * EVERY:
        tally.lost += 1


def kills(begin: Callable[[str], Victim], place: str, count: int, writers: int, check: Callable[..., None] = kept) -> Tally:
    """Kill `count` times one of `writers` that write at once, and look each time at what is kept of the killed one's person."""
    tally, draw = Tally(), random.Random(0)
    running = [begin(f"person {number}") for number in range(writers)]
    for number in range(count):
        time.sleep(draw.uniform(0, LONGEST))
        victim = running.pop(draw.randrange(writers))
        acknowledged = victim.kill()
        began = time.monotonic()
        with Store(place) as store:
            tally.reopened.append(time.monotonic() - began)
            check(store, victim.person, acknowledged, tally)
        tally.kills += 1
        running.append(begin(f"person {writers + number}"))
    for victim in running:
        victim.kill()
    return tally


@contextlib.contextmanager
def places(folder: Path | None, only: list[str]) -> Iterator[dict[str, str]]:
    """A place on each database."""
    with tempfile.TemporaryDirectory(dir=folder) as inside, contextlib.ExitStack() as undo:
        found = {"sqlite": str(Path(inside) / "people.db")} if "sqlite" in only else {}
        if "postgresql" in only:
            sys.path.insert(0, str(Path(__file__).parents[1]))
            from tests.store.places import Cluster

            cluster = Cluster(safe=True)
            undo.callback(cluster.remove)
            found["postgresql"] = cluster.url
        yield found


def main() -> None:
    """Parse, kill, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    failed = False
    with places(asked.folder, asked.only) as found:
        for name, place in found.items():
            tally = kills(lambda person, place=place: Process(write, place, person), place, asked.kills, asked.writers)  # type: ignore[misc]
            sys.stdout.write(tally.told(name) + "".join(f"\n  {one}" for one in tally.partial) + "\n")
            failed |= bool(tally.lost or tally.partial)
    sys.exit(failed)


if __name__ == "__main__":
    main()
