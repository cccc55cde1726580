"""What a SIGKILL of the server costs: writers post at once, the server is killed at any moment, and all that it acknowledged must be there.

    OMP_NUM_THREADS=1 python benchmarks/kills_server.py [--kills 200] [--writers 4] [--only sqlite postgresql]

Each writer adds records for a person of their own, one after another, each with an id of its own, so that one which was not acknowledged
may be sent again. After each kill the server is started anew on the same store and port, and every writer goes on; at the end each
person's records are read from the store: all that were acknowledged, none twice, none that nobody sent. Restart: from the start of the
process to the first answer of /readyz. PostgreSQL is started for this, with fsync on.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx
from kills import places

from idiolect.store import Store

PORT = 8905
LONGEST = 0.6  # seconds that a server runs before it is killed
NOWHERE = "http://127.0.0.1:9/v1#none"  # no model is asked


class Server:
    """A server process on a store, and how long it took until it was ready."""

    def __init__(self, place: str, log: Path) -> None:
        command = [sys.executable, "-m", "idiolect", "serve", "--store", place, "--model", NOWHERE, "--port", str(PORT), "--no-sample"]
        began = time.monotonic()
        with log.open("ab") as out:
            self._process = subprocess.Popen([*command, "--logs", "off"], stdout=out, stderr=out)
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{PORT}/readyz", timeout=1).status_code == 200:
                    break
            if self._process.poll() is not None or time.monotonic() - began > 60:
                raise RuntimeError(f"the server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.took = time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Writer(threading.Thread):
    """Adds records for one person, the same again until it is acknowledged."""

    def __init__(self, person: str) -> None:
        super().__init__(daemon=True)
        self.person, self.acknowledged, self.stopping = person, 0, False

    def run(self) -> None:
        """Write until told to stop."""
        with httpx.Client(base_url=f"http://127.0.0.1:{PORT}", timeout=10) as http:
            while not self.stopping:
                number = self.acknowledged
                try:
                    kept = http.post(
                        f"/v1/users/{self.person}/records", json={"answer": f"saying number {number}", "id": f"r{number}", "time": number}
                    )
                except httpx.HTTPError:
                    time.sleep(0.02)
                    continue
                if kept.status_code in (200, 201):
                    self.acknowledged += 1


def killed(place: str, kills: int, writers: int, log: Path) -> str:
    """One line of what was found, after so many kills."""
    draw, took = random.Random(0), []
    server = Server(place, log)
    writing = [Writer(f"person-{number}") for number in range(writers)]
    for writer in writing:
        writer.start()
    for _ in range(kills):
        time.sleep(draw.uniform(0, LONGEST))
        server.kill()
        server = Server(place, log)
        took.append(server.took)
    for writer in writing:
        writer.stopping = True
    for writer in writing:
        writer.join(30)
    server.kill()
    lost = partial = 0
    with Store(place) as store:
        for writer in writing:
            numbers = [int(record.answer.rpartition(" ")[2]) for record in store.user(writer.person).records]
            lost += len(set(range(writer.acknowledged)) - set(numbers))
            partial += len(numbers) != len(set(numbers)) or max(numbers) > writer.acknowledged
    written = sum(writer.acknowledged for writer in writing)
    times = f"ready again in {statistics.median(took):.2f} s (median), {max(took):.2f} s (worst)"
    return (
        f"{kills} kills of the server, {written} writes acknowledged, {lost} lost, {partial} people with what nobody sent or twice; {times}"
    )


def main() -> None:
    """Parse, kill, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--writers", type=int, default=4)
    parser.add_argument("--only", nargs="+", default=["sqlite", "postgresql"])
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with places(given.folder, given.only) as found:
        for name, place in found.items():
            sys.stdout.write(
                f"{name:12} {killed(place, given.kills, given.writers, Path(tempfile.gettempdir()) / f'kills-{os.getpid()}.log')}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
