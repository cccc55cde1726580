"""Handing shards of people to workers: whoever is free gets the next, and what a dead worker had is given to others."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

from idiolect.errors import IdiolectError, ModelError
from idiolect.fleet.work import Failed, Learnt, Lost, Outcome, Work
from idiolect.types import User

TOGETHER = 64  # people of a shard at most: enrolled at once, and lost at once with their worker
TRIES = 3  # workers that may die of a person: the second time in company, the third alone
IN_A_ROW = 12  # workers that may die with nobody learnt in between, before it is not the people's fault

Report = Sequence[Outcome] | Lost | IdiolectError  # of a worker: what became of its people, its death, or why it cannot start


class Worker(Protocol):
    """One process that has the model open. It reports once when it is ready (nobody yet), and once for every shard it was given."""

    def give(self, people: Sequence[User]) -> None:
        """Hand it a shard. A worker that is dead by now is told of by the next `wait`."""
        ...

    def dismiss(self) -> None:
        """End it, whatever it is doing."""
        ...


class Crew(Protocol):
    """Where workers come from. `size` is how many there may be at once."""

    size: int

    def begin(self, work: Work) -> None:
        """Get ready to start workers that do `work`."""
        ...

    def start(self) -> Worker:
        """One worker more; it opens its model meanwhile."""
        ...

    def wait(self, workers: Sequence[Worker]) -> list[tuple[Worker, Report]]:
        """The reports of at least one of `workers`, as soon as there is one."""
        ...

    def end(self) -> None:
        """Let go of everything; all workers are dismissed by now."""
        ...


def shards(people: Iterable[User], together: int) -> Iterator[list[User]]:
    """`people` in lists of `together`, drawn as they are asked for."""
    left = iter(people)
    while shard := list(islice(left, together)):
        yield shard


def dispatch(crew: Crew, work: Work, parts: Iterable[Sequence[User]]) -> Generator[Outcome | Lost, None, None]:
    """What became of everybody in `parts`, once each, as it comes in; and every worker that was lost on the way.

    The people of a worker that dies are redone: together, then each alone; of whom TRIES workers die is Failed.
    Raises what a worker says that cannot start, and ModelError where workers die one after another.
    """
    floor = _Floor(crew, parts)
    if not floor.ahead(1):
        return  # nobody: no cluster is joined for nothing
    crew.begin(work)
    try:
        while floor.fill():
            yield from floor.settle(crew.wait(floor.everyone))
    finally:
        for worker in floor.everyone:
            worker.dismiss()
        crew.end()


class _Floor:
    """Who is starting, who is free, who has which people, and who waits."""

    def __init__(self, crew: Crew, parts: Iterable[Sequence[User]]) -> None:
        self.crew, self.parts = crew, iter(parts)
        self.waiting: deque[list[User]] = deque()
        self.starting: list[Worker] = []
        self.free: list[Worker] = []
        self.busy: dict[Worker, list[User]] = {}
        self.deaths: Counter[str] = Counter()  # by user id
        self.in_a_row = 0

    @property
    def everyone(self) -> list[Worker]:
        return [*self.starting, *self.free, *self.busy]

    def fill(self) -> bool:
        """Give the free something to do, start more where there is more, let the others go. Whether anybody is still waited for."""
        while self.free and self.ahead(1):
            people = self.waiting.popleft()
            worker = self.free.pop()
            self.busy[worker] = people
            worker.give(people)
        while len(self.everyone) < self.crew.size and self.ahead(len(self.starting) + 1):
            self.starting.append(self.crew.start())
        while self.free:
            self.free.pop().dismiss()  # on a cluster its processor is wanted by one that waits to start
        return bool(self.busy or self.waiting)

    def settle(self, reports: Sequence[tuple[Worker, Report]]) -> Iterator[Outcome | Lost]:
        """What the reports say; those who made them have their next shard before anything of it is told, since telling takes time."""
        told: list[Outcome | Lost] = []
        for worker, report in reports:
            people = self._taken_from(worker)
            if isinstance(report, IdiolectError):
                worker.dismiss()
                raise report
            if isinstance(report, Lost):
                worker.dismiss()
                told += [report, *self._redone(people, report)]
                continue
            self.free.append(worker)
            told += report
            self.in_a_row = 0 if any(isinstance(one, Learnt) for one in report) else self.in_a_row
        self.fill()
        yield from told

    def ahead(self, count: int) -> bool:
        """Whether `count` shards wait, drawn now if need be."""
        while len(self.waiting) < count and (part := next(self.parts, None)) is not None:
            self.waiting.append(list(part))
        return len(self.waiting) >= count

    def _taken_from(self, worker: Worker) -> list[User]:
        if worker in self.starting:
            self.starting.remove(worker)
            return []
        return self.busy.pop(worker)

    def _redone(self, people: Sequence[User], lost: Lost) -> list[Failed]:
        self.in_a_row += 1
        if self.in_a_row > max(IN_A_ROW, TRIES * self.crew.size):
            ways = "give fewer --workers, or see to the memory that each of them has"
            raise ModelError(f"{self.in_a_row} workers died with nobody learnt in between (the last: {lost.reason}); {ways}")
        self.deaths.update(user.id for user in people)
        given_up = [user for user in people if self.deaths[user.id] >= TRIES]
        left = [user for user in people if self.deaths[user.id] < TRIES]
        alone = any(self.deaths[user.id] > 1 for user in left)
        self.waiting.extendleft([[user] for user in left] if alone else [left] if left else [])
        return [Failed(user.id, f"{TRIES} workers died while they had this person (the last: {lost.reason})") for user in given_up]
