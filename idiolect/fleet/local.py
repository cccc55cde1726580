"""People enrolled in this process, one shard after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from idiolect.fleet.crew import Report, Worker
from idiolect.fleet.work import Work, enroll
from idiolect.types import User


class Local:
    """A crew of one: this process, with the model that it has open already, on as many threads as it has."""

    size = 1

    def begin(self, work: Work) -> None:
        """Nothing has to be made ready."""
        self._work = work

    def start(self) -> Worker:
        """This process itself."""
        return _Here(self._work)

    def wait(self, workers: Sequence[Any]) -> list[tuple[Worker, Report]]:
        """Enrolls the people that were given, now."""
        return [(worker, worker.work()) for worker in workers]

    def end(self) -> None:
        """Nothing was opened that was not open before."""


class _Here:
    def __init__(self, work: Work) -> None:
        self._assistant, self._people = work.assistant, list[User]()

    def give(self, people: Sequence[User]) -> None:
        self._people = list(people)

    def work(self) -> Report:
        return enroll(self._assistant, self._people) if self._people else []

    def dismiss(self) -> None:
        pass
