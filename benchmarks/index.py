"""Keeping 20,000 records of 500 people and finding one person's nearest five, beside mem0 and LangGraph's store; and a million people.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/index.py --site SITE [--quick] [--only import search people precision embedder]

The embedder is MiniLM for everybody, its vectors made once and kept in --cache: its own time is in none of the figures but those of
`embedder`. CPU seconds of one thread, ways in turn, medians. What SITE needs stands in stores.py. Texts are made up.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from rounds import Way, interleaved, ratio, tell
from stores import Known, Ours, People, available

from idiolect.data.sample import sample
from idiolect.retrieval.encoding import PROBES, SentenceModel, encoded
from idiolect.retrieval.index import Index
from idiolect.store import Store, chunks, schema
from idiolect.store.chunks import F2
from idiolect.store.spaces import Space
from idiolect.types import Floats, Record, digest

EACH = 40  # records of a person
QUERIES = 20  # in a round
ASKED = 200  # people in a round, where there are many


def people_of(count: int) -> dict[str, list[str]]:
    """People with `EACH` made-up texts of 6 to 16 words each, of the words of the bundled sample."""
    drawn = random.Random(0)
    vocabulary = sorted({word for user in sample() for record in user.records for word in f"{record.prompt} {record.answer}".split()})
    return {f"person-{n}": [" ".join(drawn.choices(vocabulary, k=drawn.randint(6, 16))) for _ in range(EACH)] for n in range(count)}


def known_for(people: People, queries: Sequence[str], cache: Path) -> Known:
    """MiniLM's vectors of everything, made once."""
    texts = [*(text for own in people.values() for text in own), *queries]
    file = cache / f"minilm-{digest(*texts)}.npy"
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        start = time.process_time()
        np.save(file, encoded(SentenceModel(), texts))
        tell(f"MiniLM in batches: {len(texts) / (time.process_time() - start):,.0f} texts a CPU second")
    return Known(dict(zip(texts, np.load(file), strict=True)))


def queries_of(people: People) -> list[tuple[str, str]]:
    """Whom to ask, and what: some words of one of their texts, others beside it."""
    drawn = random.Random(1)
    chosen = drawn.sample(sorted(people), min(QUERIES, len(people)))
    return [(user_id, " ".join([*drawn.choice(people[user_id]).split()[:6], "and", "tea"])) for user_id in chosen]


@contextmanager
def opened(ways: dict[str, Callable[[Path], Any]], inside: str | None) -> Iterator[dict[str, Any]]:
    """Each in a new folder."""
    with tempfile.TemporaryDirectory(dir=inside) as folder:
        made = {}
        for number, (name, make) in enumerate(ways.items()):
            (place := Path(folder) / str(number)).mkdir()
            made[name] = make(place)
        yield made
        for one in made.values():
            one.close()


def importing(people: People, known: Known, site: dict[str, type[Any]], rounds: int, folder: str | None) -> None:
    """Records a CPU second, into new files each time."""
    ways: dict[str, Callable[[Path], Any]] = {
        "ours, records alone": lambda place: Ours(place, None),
        "the same, 1,000 a call": lambda place: Ours(place, None, 1000),
        "ours": lambda place: Ours(place, known),
    }
    ways |= {name: (lambda place, peer=peer: peer(place, known)) for name, peer in site.items()}
    cpu: dict[str, list[float]] = {name: [] for name in ways}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        with opened(ways, folder) as kept:
            for name, one in kept.items():
                start, began = time.perf_counter(), time.process_time()
                one.fill(people)
                cpu[name].append(time.process_time() - began)
                wall[name].append(time.perf_counter() - start)
    count = sum(map(len, people.values()))
    tell(f"\nKeeping {count:,} records of {len(people)} people, vectors at hand ({rounds} rounds)")
    for name in ways:
        mid, seen = statistics.median(cpu[name]), statistics.median(wall[name])
        tell(
            f"  {name:<22}{1e3 * mid / count:8.3f} ms of CPU a record {count / mid:>9,.0f} records a CPU second,"
            f"{count / seen:>9,.0f} a second of the wall clock; ours takes {1 / ratio(cpu, name, 'ours'):.2f} of its time"
        )


def searching(
    people: People, known: Known, asked: list[tuple[str, str]], site: dict[str, type[Any]], rounds: int, folder: str | None
) -> None:
    """Milliseconds for one person's top five, and whether all find the same."""
    ways: dict[str, Callable[[Path], Any]] = {"ours": lambda place: Ours(place, known)}
    ways |= {name: (lambda place, peer=peer: peer(place, known)) for name, peer in site.items()}
    with opened(ways, folder) as kept:
        for one in kept.values():
            one.fill(people)
        found = {name: [one.search(*query) for query in asked] for name, one in kept.items()}
        timed = {name: (lambda one=one: [one.search(*query) for query in asked]) for name, one in kept.items()}
        ours = kept["ours"]

        def cold() -> None:
            for query in asked:
                ours.store.vectors.recent.clear()
                ours.search(*query)

        seconds = interleaved({**timed, "ours, nobody in memory": cold}, rounds)
        seconds["ours, by words (BM25)"] = interleaved({"": lambda: [ours.index.search(*q, 5, "words") for q in asked]}, rounds)[""]
    count = sum(map(len, people.values()))
    tell(f"\nOne person's nearest 5 of {EACH}, {count:,} records of {len(people)} people ({rounds} rounds of {len(asked)})")
    for name, times in seconds.items():
        agreed = [len({*a} & {*b}) / 5 for a, b in zip(found.get(name, found["ours"]), found["ours"], strict=True)]
        told = "" if name.startswith("ours") else f"; {statistics.mean(agreed):.2f} of the five are ours"
        each = 1e3 * statistics.median(times) / len(asked)
        tell(f"  {name:<24}{each:9.3f} ms; ours is {ratio(seconds, 'ours', name):7.1f} times as fast{told}")


def many(sizes: Sequence[int], known: Known, records: int, rounds: int, folder: str | None) -> None:
    """Search as people grow in number: all stores asked in turn."""
    pool, ways, sized = np.stack(list(known.vectors.values())), dict[str, Way](), {}
    with tempfile.TemporaryDirectory(dir=folder) as inside, ExitStack() as opened_here:
        for count in sizes:
            path = Path(inside) / f"{count}.db"
            _filled(path, known, pool, count, records)
            sized[count] = path.stat().st_size / count
            ways |= _asked_of(Index(opened_here.enter_context(Store(path)), known), count, rounds)
        seconds = interleaved(ways, rounds)
    tell(f"\nMore people, {records} records each ({rounds} rounds of {ASKED}, all stores in turn; in brackets, times the fewest's)")
    for count in sizes:
        told = [
            f"{kind} {1e3 * statistics.median(seconds[kind + str(count)]) / ASKED:.3f} ms "
            f"({1 / ratio(seconds, kind + str(count), kind + str(sizes[0])):.2f})"
            for kind in ("asked before", "strangers")
        ]
        tell(f"  {count:>9,} people: {', '.join(told)}; {sized[count]:,.0f} bytes a person on the disk")


def _asked_of(index: Index, count: int, rounds: int) -> dict[str, Way]:
    """Some people again and again, and strangers, each asked once."""
    drawn = random.Random(2)
    some = [f"person-{drawn.randrange(count)}" for _ in range(ASKED)]
    strangers = iter([f"person-{drawn.randrange(count)}" for _ in range(ASKED * (rounds + 1))])
    return {
        f"asked before{count}": lambda: [index.search(who, "tea") for who in some],
        f"strangers{count}": lambda: [index.search(next(strangers), "tea") for _ in some],
    }


def _filled(path: Path, known: Known, pool: Floats, count: int, records: int) -> None:
    """A store of so many people, written past `add`, for that would take an hour."""
    with Store(path) as store:
        space = store.vectors.open(Space(known.name, encoded(known, PROBES)))
    db = sqlite3.connect(path, isolation_level=None)
    db.executescript("PRAGMA synchronous=OFF; DROP TRIGGER record_came")
    db.execute("BEGIN")
    texts, raw = list(known.vectors)[:2000], pool[:2000].astype(F2)
    for user in range(1, count + 1):
        keys = range((user - 1) * records + 1, user * records + 1)
        db.execute("INSERT INTO users (key, id, created) VALUES (?, ?, 0)", (user, f"person-{user - 1}"))
        own = [(key, user, key, f"{key:016x}", "", texts[key % len(texts)]) for key in keys]
        db.executemany("INSERT INTO records (key, user, time, id, prompt, answer) VALUES (?, ?, ?, ?, ?, ?)", own)
        vectors = b"".join(raw[key % len(texts)].tobytes() for key in keys)
        members = "".join(f",{key:0{chunks.DIGITS}d}" for key in keys)
        db.execute("INSERT INTO vectors (user, space, members, data) VALUES (?, ?, ?, ?)", (user, space.key, members, vectors))
    db.execute("COMMIT")
    db.executescript(f"PRAGMA wal_checkpoint(TRUNCATE); {schema.TRIGGERS[0]}")
    db.close()


def precision(people: People, known: Known) -> None:
    """Of the nearest five by fp32, how many fp16 finds."""
    drawn, same, ordered, off, asked = np.random.default_rng(0), 0, 0, 0.0, 0
    for texts in people.values():
        exact = known.encode(texts)
        half = exact.astype(F2).astype(np.float32)
        for one in exact[:5]:
            query = one + drawn.normal(0, 0.05, one.shape).astype(np.float32)
            first, second = (list(np.argsort(-(matrix @ query), kind="stable")[:5]) for matrix in (exact, half))
            same, ordered, asked = same + len({*first} & {*second}), ordered + (first == second), asked + 1
            off = max(off, float(np.abs(exact @ query - half @ query).max()))
    told = f"recall@5 {same / asked / 5:.5f}, the same order {ordered / asked:.4f}, scores off by {off:.1e} at most"
    tell(f"\nfp16 beside fp32, {asked:,} queries: {told}")


def embedder(people: People, count: int, rounds: int) -> None:
    """An import with MiniLM itself, beside one call of `encode` over all of its texts."""
    some = dict(list(people.items())[: count // EACH])
    texts = [f"\n{text}" for own in some.values() for text in own]
    model = SentenceModel()

    def imported() -> None:
        with tempfile.TemporaryDirectory() as folder, Store(Path(folder) / "people.db") as store:
            index = Index(store, model)
            for user_id, own in some.items():
                index.add(user_id, [Record("", text, float(at)) for at, text in enumerate(own)])
            index.complete()

    seconds = interleaved({"encode": lambda: model.encode(texts), "import": imported}, rounds)
    rates = {name: len(texts) / statistics.median(times) for name, times in seconds.items()}
    tell(f"\nWith MiniLM, {len(texts):,} records of {len(some)} people ({rounds} rounds), texts a CPU second")
    share = ratio(seconds, "import", "encode")
    tell(f"  one encode call {rates['encode']:,.0f}, add and complete {rates['import']:,.0f}: {share:.3f} of the embedder's batched rate")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = ("import", "search", "people", "precision", "embedder")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--quick", action="store_true", help="50 people, few rounds")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--many", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--records", type=int, default=2, help="of each of --many")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--site", type=Path, help="where the peers were installed")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "idiolect-vectors")
    parser.add_argument("--folder", help="where the stores are made; some 3 GB for a million people")
    given = parser.parse_args()
    count, rounds = (50, 2) if given.quick else (given.people, given.rounds)
    people = people_of(count)
    asked = queries_of(people)
    known = known_for(people, [query for _, query in asked], given.cache)
    peers = available(given.site) if {"import", "search"} & {*given.only} else {}
    if "embedder" in given.only:
        embedder(people, 400 if given.quick else 2048, min(rounds, 3))
    if "precision" in given.only:
        precision(people, known)
    if "import" in given.only:
        importing(people, known, peers, min(rounds, 3), given.folder)
    if "search" in given.only:
        searching(people, known, asked, peers, rounds, given.folder)
    if "people" in given.only:
        sizes = [1_000, 10_000] if given.quick else given.many
        if shutil.disk_usage(given.folder or tempfile.gettempdir()).free < 4000 * max(sizes):
            sys.exit("too little room for so many people; name another place with --folder, or fewer with --many")
        many(sizes, known, given.records, rounds, given.folder)


if __name__ == "__main__":
    main()
