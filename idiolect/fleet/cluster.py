"""People enrolled on a Ray cluster, or on a small one started here: one actor a worker, each with its own model on one thread."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from idiolect.assistant import Assistant
from idiolect.errors import DataError, IdiolectError, ModelError
from idiolect.extras import need
from idiolect.fleet import work as working
from idiolect.fleet.crew import Report, Worker
from idiolect.fleet.work import Lost, Outcome, Work
from idiolect.types import User

OBJECTS = 256 << 20  # bytes of shared memory in which a cluster started here keeps what is under way
STARTS = 3  # times that a cluster is tried to be started here: Ray gives a busy machine 30 seconds
QUIET = {  # read while Ray is imported and started
    "RAY_USAGE_STATS_ENABLED": "0",  # nothing is reported to anybody
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray warns of otherwise
    "GRPC_VERBOSITY": "NONE",
}


class Cluster:
    """`size` workers on the Ray cluster at `address`; without one, on a cluster of this machine that ends with the work.

    Raises MissingExtra without Ray. A process that has Ray running already goes on with it, and it stays as it was.
    """

    def __init__(self, size: int, address: str | None = None) -> None:
        if size < 1:
            raise DataError(f"there must be 1 worker or more, not {size}")
        self.size, self.address = size, address
        for name, value in QUIET.items():
            os.environ.setdefault(name, value)
        self._ray: Any = need("ray", "a cluster of workers")
        self._opened = ExitStack()

    def begin(self, work: Work) -> None:
        """Joins or starts the cluster, and puts the work where all of it can read it. Raises ModelError where there is no cluster."""
        packed = work.packed()
        if not self._ray.is_initialized():
            self._opened.enter_context(_silenced(self._ray))
            self._opened.callback(self._ray.shutdown)
            self._join()
        self._packed = self._ray.put(packed)
        self._actor = self._ray.remote(num_cpus=1, max_restarts=0)(_Enroller)

    def start(self) -> Worker:
        """A new actor, as soon as the cluster has a processor for it."""
        return _Actor(self._ray, self._actor.remote(self._packed))

    def wait(self, workers: Sequence[Any]) -> list[tuple[Worker, Report]]:
        """The reports that are there; an actor whose process or machine is gone is Lost."""
        pending = {worker.pending: worker for worker in workers}
        done, _ = self._ray.wait(list(pending), num_returns=1)
        return [(pending[one], pending[one].report()) for one in done]

    def end(self) -> None:
        """Leaves the cluster that was joined; one that was started here is gone."""
        self._opened.close()

    def _join(self) -> None:
        here = {"num_cpus": self.size, "object_store_memory": OBJECTS, "include_dashboard": False}
        place = {"address": self.address} if self.address else {"address": "local", **here}
        for left in reversed(range(STARTS)):
            try:
                self._ray.init(**place, log_to_driver=False, logging_level=logging.CRITICAL)
                return
            except Exception as error:  # Ray raises a bare Exception where a start takes too long
                self._ray.shutdown()
                if self.address or not left:
                    self.end()
                    where = f"the Ray cluster at {self.address}" if self.address else "a Ray cluster on this machine"
                    ways = "see that it runs (`ray status`), or use --on processes"
                    raise ModelError(f"{where} could not be used ({working.reason(error)}); {ways}") from error


class _Enroller:
    """In a worker of the cluster."""

    def __init__(self, packed: bytes) -> None:
        self._packed = packed

    def open(self) -> Report:
        assistant = working.start(self._packed)
        if isinstance(assistant, IdiolectError):
            return assistant
        self._assistant: Assistant = assistant
        return []

    def enroll(self, people: Sequence[User]) -> list[Outcome]:
        return working.enroll(self._assistant, people)


class _Actor:
    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor, self.pending = ray, actor, actor.open.remote()

    def give(self, people: Sequence[User]) -> None:
        self.pending = self._actor.enroll.remote(list(people))

    def report(self) -> Report:
        try:
            told: Report = self._ray.get(self.pending)
        except self._ray.exceptions.RayError as error:
            return Lost(next(iter(str(error).strip().splitlines()), type(error).__name__))
        return told

    def dismiss(self) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actor)


@contextmanager
def _silenced(ray: Any) -> Iterator[None]:
    """Inside, Ray does not print its own notices (of a dead worker, say) among ours on standard output."""
    noisy = ray._private.worker  # there is no public switch: `log_to_driver` is for what workers print
    printing = getattr(noisy, "print_to_stdstream", None)
    noisy.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        if printing is not None:
            noisy.print_to_stdstream = printing
