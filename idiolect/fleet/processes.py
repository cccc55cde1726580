"""People enrolled by processes of this machine, each with its own model on one thread, all started afresh (spawn)."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import threading
from collections.abc import Sequence
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any

from idiolect.errors import DataError, IdiolectError
from idiolect.fleet.crew import Report, Worker
from idiolect.fleet.work import Lost, Work, enroll, start
from idiolect.types import User

GRACE = 5.0  # seconds that a dismissed process has before it is killed


class Processes:
    """`size` processes, each with a pipe of its own, so that one that is killed leaves nothing locked or half read by another."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise DataError(f"there must be 1 worker or more, not {size}")
        self.size = size

    def begin(self, work: Work) -> None:
        """Packs the work once for all. Raises ModelError for what cannot be pickled."""
        self._packed = work.packed()

    def start(self) -> Worker:
        """A new process."""
        return _Process(self._packed)

    def wait(self, workers: Sequence[Any]) -> list[tuple[Worker, Report]]:
        """What has come through the pipes; a pipe that is at its end is a process that is gone."""
        at_pipe: dict[Any, Any] = {worker.pipe: worker for worker in workers}
        return [(at_pipe[pipe], at_pipe[pipe].report()) for pipe in connection.wait(list(at_pipe))]

    def end(self) -> None:
        """Processes are dismissed one by one."""


class _Process:
    def __init__(self, packed: bytes) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the store's locks and torch's threads
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, packed), daemon=True)
        self._process.start()
        theirs.close()  # held here it would keep the pipe open after the process is gone

    def give(self, people: Sequence[User]) -> None:
        with contextlib.suppress(OSError):  # it is gone: its pipe is at its end
            self.pipe.send(list(people))

    def report(self) -> Report:
        try:
            told: Report = self.pipe.recv()
        except (EOFError, OSError, pickle.UnpicklingError):  # at its end, or cut in the middle of a report
            return Lost(self._ended())
        return told

    def dismiss(self) -> None:
        self.pipe.close()
        self._process.terminate()
        self._process.join(GRACE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _ended(self) -> str:
        self._process.join(GRACE)
        code = self._process.exitcode
        if code is None:
            return "it closed its pipe"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


def _serve(pipe: Connection, packed: bytes) -> None:
    """The life of a worker: open the model, say so, then a report for every shard."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends its workers
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    assistant = start(packed)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        if isinstance(assistant, IdiolectError):
            pipe.send(assistant)
            return
        pipe.send([])
        while True:
            pipe.send(enroll(assistant, pipe.recv()))


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # in the middle of a shard too: nobody would take it
