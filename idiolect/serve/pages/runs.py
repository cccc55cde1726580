"""Comparisons that run beside the server, each in a process and a folder of its own: they outlive it, and are found again."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from idiolect.errors import DataError, StoreError
from idiolect.evaluation.comparison import Comparison
from idiolect.serve.faults import Conflict, NotFound

Status = Literal["running", "done", "failed", "cancelled"]
ID = re.compile(r"[0-9a-f]{12}")
KEPT = "kept"  # finished methods, which an interrupted run does not run again
ASKED, FOUND, REPORT, LOG, LOCK, PID, CANCELLED = "asked.json", "found.json", "report.html", "log.txt", "lock", "pid", "cancelled"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a comparison is to compare: a task, a model as `--model` names it, methods, and how many people and records of each."""

    task: str
    model: str
    methods: tuple[str, ...]
    users: int
    targets: int
    seed: int = 0

    def command(self, folder: Path) -> list[str]:
        """The command that makes it; what it finds goes to standard output, how far it is to standard error."""
        own = ["--task", self.task, "--model", self.model, "--methods", ",".join(self.methods), "--users", str(self.users)]
        own += ["--targets", str(self.targets), "--seed", str(self.seed), "--report", str(folder / REPORT), "--json"]
        return [sys.executable, "-m", "idiolect", "compare", *own, "--results", str(folder.parent / KEPT)]


@dataclass(frozen=True, slots=True)
class Run:
    """A comparison: what was asked, when (POSIX seconds), how far it is, and what it found, or why it did not."""

    id: str
    asked: Asked
    started: float
    status: Status
    begun: tuple[str, ...] = ()  # methods so far; the last one is under way
    found: Comparison | None = None
    why: str = ""

    @property
    def of(self) -> int:
        """How many methods there will be: Plain is always among them."""
        return len(set(self.asked.methods) | {"plain"})

    @property
    def advice(self) -> str:
        """What to do, in three words; "" where it found nothing yet."""
        if self.found is None:
            return ""
        stay = self.found.advice.method == self.found.rows[0].name
        return f"{'Stay with' if stay else 'Use'} {self.found.advice.method}"

    @property
    def done(self) -> int:
        """How many are finished."""
        return self.of if self.status == "done" else max(0, len(self.begun) - 1)


class Runs:
    """The comparisons in a folder. `store` is what the server's store was opened with: the folder lies beside it.

    Whether one is under way is told by a lock that its process holds as long as it lives, so nobody's process id is mistaken for it.
    """

    def __init__(self, store: str) -> None:
        path = Path(".idiolect/people.db") if "://" in store else Path(store)
        self.folder = path.with_name(path.name + ".comparisons")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()  # so that two requests do not both find that nothing runs

    def start(self, asked: Asked) -> str:
        """Begin a comparison; its id. Raises Conflict while another one is under way: together both would take longer."""
        with self._lock:
            if any(run.status == "running" for run in self.all()):
                raise Conflict("a comparison is under way: wait for it, or cancel it")
            run = secrets.token_hex(6)
            folder = self.folder / run
            try:
                folder.mkdir(parents=True)
                (folder / ASKED).write_text(json.dumps({**asdict(asked), "started": time.time()}), encoding="utf-8")
                self._spawn(run, folder, asked)
            except OSError as error:
                shutil.rmtree(folder, ignore_errors=True)
                raise StoreError(f"a comparison cannot be started in {self.folder}: {error}") from error
            return run

    def _spawn(self, run: str, folder: Path, asked: Asked) -> None:
        with open(folder / LOCK, "wb") as lock, open(folder / FOUND, "wb") as found, open(folder / LOG, "wb") as log:
            fcntl.flock(lock, fcntl.LOCK_EX)
            process = subprocess.Popen(
                asked.command(folder), stdin=subprocess.DEVNULL, stdout=found, stderr=log, pass_fds=[lock.fileno()], start_new_session=True,
                env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
            )  # fmt: skip
        (folder / PID).write_text(str(process.pid), encoding="utf-8")
        self._processes[run] = process

    def all(self) -> list[Run]:
        """Every comparison, the last first."""
        folders = [one for one in self.folder.iterdir() if ID.fullmatch(one.name)] if self.folder.is_dir() else []
        runs = [run for folder in folders if (run := self._read(folder)) is not None]
        return sorted(runs, key=lambda run: run.started, reverse=True)

    def get(self, run: str) -> Run:
        """One of them. Raises NotFound."""
        found = self._read(self._place(run))
        if found is None:
            raise NotFound(f"there is no comparison {run!r}")
        return found

    def report(self, run: str) -> str:
        """Its report, an HTML page. Raises NotFound where there is none yet."""
        path = self._place(run) / REPORT
        if self.get(run).status != "done" or not path.is_file():
            raise NotFound(f"the comparison {run!r} has no report: it is not done")
        return path.read_text("utf-8")

    def cancel(self, run: str) -> None:
        """Stop it, where it is under way; methods that were finished are not run again by the next one."""
        folder = self._place(run)
        if self.get(run).status == "running":
            (folder / CANCELLED).touch()
            with contextlib.suppress(ProcessLookupError, ValueError, FileNotFoundError):
                os.killpg(int((folder / PID).read_text("utf-8")), signal.SIGTERM)

    def remove(self, run: str) -> None:
        """Delete what it found. Raises Conflict while it is under way."""
        if self.get(run).status == "running":
            raise Conflict("this comparison is under way: cancel it first")
        shutil.rmtree(self._place(run))

    def _place(self, run: str) -> Path:
        if not ID.fullmatch(run):
            raise NotFound(f"there is no comparison {run!r}")
        return self.folder / run

    def _read(self, folder: Path) -> Run | None:
        self._reap(folder.name)
        try:
            tree: dict[str, Any] = json.loads((folder / ASKED).read_text("utf-8"))
            started = float(tree.pop("started"))
            asked = Asked(**{**tree, "methods": tuple(tree["methods"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None
        log = _lines(folder / LOG)
        begun = tuple(_begun(log))
        if _held(folder / LOCK):
            return Run(folder.name, asked, started, "running", begun)
        if (folder / REPORT).is_file() and (found := _found(folder / FOUND)) is not None:
            return Run(folder.name, asked, started, "done", begun, found)
        if (folder / CANCELLED).exists():
            return Run(folder.name, asked, started, "cancelled", begun)
        return Run(folder.name, asked, started, "failed", begun, why=_why(log, len(begun)))

    def _reap(self, run: str) -> None:
        process = self._processes.get(run)
        if process is not None and process.poll() is not None:
            del self._processes[run]


def _held(path: Path) -> bool:
    """Whether a process holds this lock."""
    try:
        with open(path, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _lines(path: Path) -> Sequence[str]:
    try:
        return [line for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    except FileNotFoundError:
        return []


def _begun(log: Sequence[str]) -> Iterator[str]:
    """The methods that were begun: "rag ...", or "rag: taken up from before"."""
    for line in log:
        name = line.removesuffix(" ...").removesuffix(": taken up from before")
        if name != line:
            yield name


def _found(path: Path) -> Comparison | None:
    try:
        return Comparison.from_json(path.read_text("utf-8"))
    except (OSError, DataError):
        return None


def _why(log: Sequence[str], begun: int) -> str:
    """What the process said last that was not how far it is."""
    said = [line for line in log if not any(_begun([line]))]
    return said[-1].strip() if said else f"it ended after {begun} methods without a word: run it again, and what was finished is kept"
