"""From "this happened" to the next request that knows it: a person with a thousand records, a store on the disk, no model.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/observe.py [--records 1000] [--turns 60] [--profile METHOD]

Milliseconds of one thread, medians over turns; each turn is `Assistant.observe` of one new record, then `personalize` for a
question about it. "wall" includes the disk: the store's commit waits until the record is there; "cpu" does not wait. "first" is a
process that has just started: the store is opened already, and the person is read from it.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from idiolect.assistant import Assistant, Kept
from idiolect.memory.long_term import LongTerm
from idiolect.method import Method
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.store import Store
from idiolect.types import Record, ask

METHODS: dict[str, Callable[[], Method]] = {"rag": RAG, "long_term": LongTerm}
THINGS = "tea jazz chess rowing opera herons maps bread letters trains gardens knots birds films".split()
WORDS = [f"{a}{b}" for a in "ba de ki lo mu na pe ri so tu va we".split() for b in "lan mer nok pit ras sel ton vin".split()]
WARM = 5


def record(number: int, draw: random.Random) -> Record:
    """Some forty words, one statement in three about the person."""
    text = " ".join(draw.choices(WORDS, k=30))
    statement = f" I like {draw.choice(THINGS)} of kind {number % 97}." if number % 3 == 0 else ""
    return Record(f"What of {' '.join(draw.choices(WORDS, k=6))}?", f"{text}.{statement}", float(number))


def turns(method: Method, store: Store, records: int, count: int) -> tuple[list[tuple[float, ...]], tuple[float, float]]:
    """Seconds of each turn, (observe, personalize) by the wall and then by the processor; and of the first question, (wall, cpu)."""
    draw, user = random.Random(0), type(method).__name__
    store.add(user, [record(number, draw) for number in range(records)])
    who = Assistant(ScriptedLM([]), method, Kept(store, user, method.config))
    clocks = (time.perf_counter, time.process_time)
    began = [clock() for clock in clocks]
    who.personalize([user], [ask("What of tea?")])
    wall, cpu = (clock() - start for clock, start in zip(clocks, began, strict=True))
    made = []
    for number in range(records, records + count + WARM):
        new = record(number, draw)
        marks = [[clock() for clock in clocks]]
        who.observe(user, new)
        marks.append([clock() for clock in clocks])
        who.personalize([user], [ask(new.prompt)])
        marks.append([clock() for clock in clocks])
        made.append(tuple(marks[step + 1][clock] - marks[step][clock] for clock in (0, 1) for step in (0, 1)))
    return made[WARM:], (wall, cpu)


def measured(name: str, records: int, count: int, folder: str | None) -> list[str]:
    """A row of the table."""
    with tempfile.TemporaryDirectory(dir=folder) as inside, Store(Path(inside) / "people.db") as store:
        rows, first = turns(METHODS[name](), store, records, count)
    columns = [[1000 * value for value in column] for column in zip(*rows, strict=True)]
    both = [[1000 * (row[0] + row[1]) for row in rows], [1000 * (row[2] + row[3]) for row in rows]]
    figures = [statistics.median(column) for column in (*columns[:2], both[0], *columns[2:], both[1])]
    return [name, f"{records:,}", *(f"{figure:.2f}" for figure in figures), *(f"{1000 * value:.0f}" for value in first)]


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, nargs="+", default=[1000])
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--folder", help="where the stores lie while this runs: the disk that is measured")
    parser.add_argument("--profile", choices=sorted(METHODS), help="where the time of one method goes, instead")
    given: Any = parser.parse_args()
    if given.profile:
        profiler = cProfile.Profile()
        profiler.runcall(measured, given.profile, given.records[0], given.turns, given.folder)
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)
        return
    table = Table(title="One new record and the next request, ms")
    for column in ("method", "records", "observe", "personalize", "both", "cpu: observe", "personalize", "both", "first: wall", "cpu"):
        table.add_column(column, justify="left" if column == "method" else "right")
    for records in given.records:
        for name in METHODS:
            table.add_row(*measured(name, records, given.turns, given.folder))
    Console().print(table)


if __name__ == "__main__":
    main()
