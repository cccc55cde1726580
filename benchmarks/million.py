"""A request's time in the store, and bytes a person, as people grow from a thousand to a million with 20 records each; both databases.

    python benchmarks/million.py [--postgres postgresql://USER@HOST/EMPTY] [--people 1000 1000000] [--quick]

Asked of each: somebody who was asked before (what the server looks up first: did anything of them change), and a stranger (their version,
records and states, as the first answer needs them). All stores in turn, medians of rounds of 200; CPU seconds of this process, and wall
seconds for PostgreSQL, whose work is another's. Texts are made up. A million people take some 5 GB and 10 minutes to write.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from rounds import ratio, tell
from sqlalchemy import make_url

from idiolect.data.sample import sample
from idiolect.store import Store

RECORDS, ASKED = 20, 200


def rows(count: int) -> Iterator[tuple[int, str, list[tuple[int, str, str, str]]]]:
    """People as (key, id, records), a record as (key, id, prompt, answer)."""
    drawn = random.Random(0)
    words = sorted({word for user in sample() for record in user.records for word in f"{record.prompt} {record.answer}".split()})
    texts = [" ".join(drawn.choices(words, k=12)) for _ in range(2000)]
    for user in range(1, count + 1):
        keys = range((user - 1) * RECORDS + 1, user * RECORDS + 1)
        yield user, f"person-{user - 1}", [(key, f"{key:016x}", texts[key % 2000], texts[key * 7 % 2000]) for key in keys]


def fill_sqlite(path: Path, count: int) -> int:
    """People in a new store, written past `add`, for that would take hours; bytes."""
    Store(path).close()
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA synchronous=OFF; PRAGMA journal_mode=WAL")
    db.execute("BEGIN")
    for user, name, records in rows(count):
        db.execute("INSERT INTO users (key, id, created, version) VALUES (?, ?, 0, 1)", (user, name))
        own = [(key, user, float(key), record, prompt, answer) for key, record, prompt, answer in records]
        db.executemany("INSERT INTO records (key, user, time, id, prompt, answer) VALUES (?, ?, ?, ?, ?, ?)", own)
    db.execute("COMMIT")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path.stat().st_size


def fill_postgres(url: str, count: int) -> int:
    """The same in an empty database; bytes."""
    import psycopg

    Store(url).close()
    with psycopg.connect(url) as db:
        with db.cursor().copy("COPY users (key, id, created, version) FROM STDIN") as into:
            for user, name, _ in rows(count):
                into.write_row((user, name.encode(), 0.0, 1))
        with db.cursor().copy('COPY records (key, "user", time, id, prompt, answer) FROM STDIN') as into:
            for user, _, records in rows(count):
                for key, record, prompt, answer in records:
                    into.write_row((key, user, float(key), record.encode(), prompt.encode(), answer.encode()))
        for table in ("users", "records"):
            db.execute(f"SELECT setval(pg_get_serial_sequence('{table}', 'key'), (SELECT max(key) FROM {table}))")
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")
        found = db.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(found[0]) if found else 0


def asked(store: Store, count: int) -> dict[str, Callable[[], None]]:
    """What a request asks of the store: of people known to the process, and of strangers."""
    drawn = random.Random(count)
    known = [f"person-{drawn.randrange(count)}" for _ in range(ASKED)]

    def strangers() -> None:
        for _ in range(ASKED):
            user = f"person-{drawn.randrange(count)}"
            store.version(user), store.user(user), store.provenance(user)

    return {"asked before": lambda: [store.version(user) for user in known] and None, "stranger": strangers}


def main() -> None:
    """Fill, ask in turn, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", help="an empty database in which other databases may be made")
    parser.add_argument("--people", type=int, nargs="+", default=[1000, 30_000, 1_000_000])
    parser.add_argument("--folder", help="where there is room")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    counts, rounds = ([1000, 10_000], 5) if given.quick else (given.people, 21)
    with tempfile.TemporaryDirectory(dir=given.folder) as folder, ExitStack() as stack:
        ways: dict[str, Callable[[], None]] = {}
        for count in counts:
            places: dict[str, tuple[str | Path, int]] = {}
            path = Path(folder) / f"{count}.db"
            places["SQLite"] = path, fill_sqlite(path, count)
            if given.postgres:
                url = _made(given.postgres, f"million_{count}")
                places["PostgreSQL"] = url, fill_postgres(url, count)
            for name, (place, size) in places.items():
                store = stack.enter_context(Store(place))
                ways |= {f"{name}, {what}, {count:,}": ask for what, ask in asked(store, count).items()}
                tell(f"{name}, {count:,} people: {size / count:,.0f} bytes a person")
        _told(ways, counts, rounds)


def _told(ways: dict[str, Callable[[], None]], counts: list[int], rounds: int) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            clock = time.perf_counter if name.startswith("Postgres") else time.process_time
            began = clock()
            way()
            if turn:
                seconds[name].append(clock() - began)
    tell(f"\nA request's time in the store ({rounds} rounds of {ASKED}, all in turn; in brackets, times the fewest people's)")
    for name, took in seconds.items():
        first = ", ".join(name.split(", ")[:2]) + f", {counts[0]:,}"
        tell(f"  {name:<40}{1e3 * statistics.median(took) / ASKED:8.3f} ms ({1 / ratio(seconds, name, first):.2f})")


def _made(url: str, name: str) -> str:
    import psycopg

    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f"DROP DATABASE IF EXISTS {name}")
        db.execute(f"CREATE DATABASE {name}")
    return make_url(url).set(database=name).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
