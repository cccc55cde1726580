"""A method that writes down whom it enrolls and where, and that fails or kills its process at whom it is told to."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from idiolect.fleet import Work
from idiolect.method import Method
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, State, User


@dataclass
class Marked(Method):
    """`kills` maps a user id to how often the process dies of them; `fails` are ids that raise; `slow` is seconds a person."""

    folder: str
    fails: tuple[str, ...] = ()
    kills: dict[str, int] = field(default_factory=dict)
    slow: float = 0.0

    def enroll(self, users, lm):
        return [self._one(user) for user in users]

    def _one(self, user):
        if user.id in self.fails:
            raise ValueError(f"{user.id} cannot be read")
        for time_ in range(self.kills.get(user.id, 0)):
            mark = Path(self.folder) / f"{user.id}.{time_}.killed"
            if not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.slow)
        write_down(self.folder, f"enrolled {user.id}")
        words = " ".join(record.answer for record in user.records)
        return State(text=f"{user.id}: {words}", numbers={"shared": self.shared.numbers.get("drawn", -1.0)})


@dataclass
class Drawn(Marked):
    """Learns together, once, a number that no second run would draw again."""

    def fit(self, users, lm):
        write_down(self.folder, f"fitted {len(users)}")
        self.shared = State(numbers={"drawn": float(time.time_ns() % 1_000_003)})


def write_down(folder, what):
    with (Path(folder) / f"{os.getpid()}.log").open("a") as opened:
        opened.write(f"{what}\n")


def written(folder) -> Counter:
    """What all processes wrote down, counted."""
    return Counter(line for path in Path(folder).glob("*.log") for line in path.read_text().splitlines())


def open_scripted(folder) -> ScriptedLM:
    write_down(folder, "opened")
    return ScriptedLM()


def work(folder, kind=Marked, **settings) -> Work:
    return Work(partial(open_scripted, str(folder)), kind(str(folder), **settings))


def people(count, records=2) -> list[User]:
    return [User(f"p{i:02}", [Record("Q?", f"says {i}.{k}", k) for k in range(records)]) for i in range(count)]
