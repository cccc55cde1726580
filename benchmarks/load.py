"""Making one person's adapter ready, of ten to ten thousand: ours beside PEFT's load_adapter, its hot swap, and a bare memory copy.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/load.py [--quick] [--people 10 100 1000 10000] [--quality --corpora FOLDER]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. The page cache is warm, as it is for the
peers. "memory copy" is numpy's copy of the same row out of a mapped file, into memory that is used again; "read" lets go of each
adapter before the next, so that its memory is used again too; the two "kept" ways hold all 64, and pay for fresh memory.
`--quality` says what fewer bytes cost: adapters trained on people's commits, and the bits a character of their later commits.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import mmap
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from people import TARGETS, adapter, model
from rounds import Way, interleaved, ratio, tell

from idiolect.assistant import Assistant
from idiolect.evaluation.cohort import Setup, gather
from idiolect.evaluation.tasks import task
from idiolect.models.local import LocalLM, load
from idiolect.models.peft_files import write_peft
from idiolect.store import Store, rows
from idiolect.store.layouts import HEADER, PRECISIONS, Layout
from idiolect.types import Adapter, State, ask

METHOD, CONFIG = "OPPU", {"rank": 8}
AT_ONCE = 64  # people made ready in a round
SAVED_AT_ONCE = 200
LARGEST = 2 << 30  # bytes of adapters: more people than that are left out
PEFT_PEOPLE = 64


@contextmanager
def filled(lm: LocalLM, targets: str, people: int, precision: str, folder: str | None) -> Iterator[Path]:
    """A store of `people`, each with an adapter of their own."""
    with tempfile.TemporaryDirectory(dir=folder) as inside:
        path = Path(inside) / "people.db"
        base = adapter(lm, 0, TARGETS[targets])
        with Store(path, precision) as store:
            for start in range(0, people, SAVED_AT_ONCE):
                some = range(start, min(start + SAVED_AT_ONCE, people))
                with store._writing() as db:
                    for number in some:
                        rows.add(db, f"person {number}", [])
                store.save_all(METHOD, CONFIG, [(f"person {number}", State(adapter=_another(base, number)), "") for number in some])
        yield path


def _another(base: Adapter, number: int) -> Adapter:
    """An adapter that nobody else has, without drawing every number anew."""
    return Adapter({path: (a, np.roll(b, number)) for path, (a, b) in base.modules.items()}, base.scale, f"person {number}")


def mapped(path: Path) -> tuple[np.ndarray, int, int]:
    """The file of rows as one mapped array of bytes, where its rows begin, and how far apart they are."""
    with Store(path) as store:
        (name,) = store._adapters
        file = store._adapters._opened(name.name)
        start, stride = file.start, file.stride
    with name.open("rb") as opened:
        return np.frombuffer(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ), np.uint8), start, stride


def resident() -> float:
    """Megabytes of memory this process holds, mapped files too (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def opening(path: Path, people: int) -> None:
    """How long it takes to open a store and know everybody, to switch once to each in random order, and what is held then."""
    start, held = time.perf_counter(), resident()
    with Store(path) as store:
        everybody = store.adapters(METHOD, CONFIG)
        opened = time.perf_counter() - start
        names = [f"person {number}" for number in np.random.default_rng(0).permutation(people)]
        start, worked = time.perf_counter(), time.process_time()
        _each(everybody.load, names)
        wall, cpu = (1e6 * (now - then) / people for now, then in ((time.perf_counter(), start), (time.process_time(), worked)))
        grown = resident() - held
    tell(
        f"  {people:>6} people: open in {opened:.3f} s, switch to each once in {cpu:.0f} us of CPU ({wall:.0f} us wall), "
        f"{grown:.0f} MB more held, {resident():.0f} MB in all"
    )


def ready(lm: LocalLM, targets: str, people: int, precision: str, rounds: int, folder: str | None) -> None:
    """One line: how long one person's adapter takes, read and held, beside a copy of its row."""
    with filled(lm, targets, people, precision, folder) as path, Store(path, cached=0) as cold, Store(path) as warm:
        opening(path, people)
        raw, start, stride = mapped(path)
        drawn = itertools.cycle(np.random.default_rng(1).permutation(people))
        chosen = [int(next(drawn)) for _ in range(AT_ONCE)]
        names, into = [f"person {number}" for number in chosen], np.empty(stride, np.uint8)
        reading, held = cold.adapters(METHOD, CONFIG), warm.adapters(METHOD, CONFIG)
        ways: dict[str, Way] = {
            "memory copy": lambda: _each(lambda n: np.copyto(into, raw[start + n * stride : start + (n + 1) * stride]), chosen),
            "read": lambda: _each(reading.load, names),
            "read, every array seen": lambda: _each(lambda name: list(reading.load(name).modules.values()), names),
            "held": lambda: _each(held.load, names),
            "whole state": lambda: _each(lambda name: cold.load(name, METHOD, CONFIG), names),
            "memory copy, kept": lambda: [raw[start + n * stride : start + (n + 1) * stride].copy() for n in chosen],
            "read, kept": lambda: [reading.load(name) for name in names],
        }
        seconds = interleaved(ways, rounds)
    each = {name: statistics.median(times) / AT_ONCE * 1e6 for name, times in seconds.items()}
    against = {name: "memory copy, kept" if name == "read, kept" else "memory copy" for name in ways}
    told = ", ".join(f"{name} {each[name]:.1f} us ({ratio(seconds, against[name], name):.2f})" for name in ways)
    tell(f"         {precision}, {stride:,} bytes a row: {told}")


def _each(ready: Callable[[Any], object], people: Sequence[Any]) -> None:
    for one in people:
        ready(one)


def against_peft(lm: LocalLM, targets: str, people: int, folder: str | None) -> None:
    """PEFT's two ways and ours, in turn, as PEFT's model fills up with people."""
    from peft import PeftModel
    from peft.utils.hotswap import hotswap_adapter

    with filled(lm, targets, people, "fp32", folder) as path, Store(path, cached=0) as store:
        everybody, (raw, start, stride) = store.adapters(METHOD, CONFIG), mapped(path)
        folders = [path.parent / str(number) for number in range(people)]
        for number, place in enumerate(folders):
            write_peft(everybody.load(f"person {number}"), place, "")
        swapped = PeftModel.from_pretrained(copy.deepcopy(lm.model), folders[0])
        loaded = PeftModel.from_pretrained(copy.deepcopy(lm.model), folders[0], adapter_name="0")
        into, next_one = np.empty(stride, np.uint8), itertools.count(1)

        def one_more() -> None:
            number = next(next_one)
            loaded.load_adapter(folders[number], str(number))

        ways: dict[str, Way] = {
            "ours": lambda: _each(lambda n: everybody.load(f"person {n}"), range(people)),
            "memory copy": lambda: _each(lambda n: np.copyto(into, raw[start + n * stride : start + (n + 1) * stride]), range(people)),
            "hotswap_adapter": lambda: hotswap_adapter(swapped, folders[next(drawn)], "default"),
            "load_adapter": one_more,
        }
        drawn = itertools.cycle(range(people))
        seconds = interleaved(ways, people - 2)
        for name in ("ours", "memory copy"):
            seconds[name] = [time / people for time in seconds[name]]
    loads = seconds["load_adapter"]
    ends = {"ours": seconds["ours"][-8:], "loads": loads[-8:]}
    tell(f"  beside PEFT, {people} people, median ms: " + ", ".join(f"{name} {_ms(times)}" for name, times in seconds.items()))
    tell(f"  load_adapter, the first 8 of {people} people: {_ms(loads[:8])} ms, the last 8: {_ms(ends['loads'])}")
    swap, loading, end = ratio(seconds, "ours", "hotswap_adapter"), ratio(seconds, "ours", "load_adapter"), ratio(ends, "ours", "loads")
    tell(f"  ours is {swap:.0f} times as fast as hotswap_adapter, {loading:.0f} as load_adapter, {end:.0f} as its last 8")


def _ms(times: list[float]) -> str:
    return f"{statistics.median(times) * 1e3:.3f}"


def quality(corpora: Path, people: int, targets: int) -> None:
    """Bits a character of people's later commits, with the same trained adapters in each precision."""
    lm, asked = load("tiny"), task("git_commits")
    cohort = gather(asked.read(corpora), Setup(users_n=people, at_most=targets, seed=1))
    from idiolect.adaptation.oppu import OPPU

    assistant = Assistant(lm, OPPU())
    assistant.fit(cohort.users)
    states = assistant.enroll(cohort.users)
    found: dict[str, list[float]] = {}
    for precision in (*PRECISIONS, "no adapter"):
        bits = []
        for person, state in zip(cohort.people, states, strict=True):
            kept = State(records=state.records, adapter=_in(precision, state.adapter))
            requests = [assistant.method.personalize(kept, ask(one.prompt), lm) for one in person.targets]
            scores = lm.score(requests, [one.answer for one in person.targets])
            bits.append(sum(score.bits_per_char * score.chars for score in scores) / sum(score.chars for score in scores))
        found[precision] = bits
    tell(f"\nOPPU's adapters on {cohort.counts.compared} people of git_commits, {cohort.counts.targets} later commits")
    for precision, bits in found.items():
        off = [one / exact - 1 for one, exact in zip(bits, found["fp32"], strict=True)]
        mean, size = statistics.mean(bits), _size(precision, states[0].adapter)
        tell(
            f"  {precision:<12}{size:>9,} bytes a row {mean:.5f} bits a character ({mean / statistics.mean(found['fp32']) - 1:+.3%}; "
            f"people {min(off):+.3%} to {max(off):+.3%})"
        )


def _in(precision: str, own: Adapter | None) -> Adapter | None:
    if own is None or precision == "no adapter":
        return None
    layout = Layout.of(own, precision)
    return Adapter(layout.factors(bytes(HEADER) + layout.encode(own)), own.scale, own.name)


def _size(precision: str, own: Adapter | None) -> int:
    return 0 if own is None or precision == "no adapter" else Layout.of(own, precision).size


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="10 and 200 people, few rounds")
    parser.add_argument("--people", nargs="+", type=int, default=[10, 100, 1000, 10_000])
    parser.add_argument("--models", nargs="+", choices=["tiny", "random"], default=["tiny", "random"])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", help="where stores are made; left out: the system's folder for temporary files")
    parser.add_argument("--quality", action="store_true", help="only the cost of fewer bytes, in bits a character")
    parser.add_argument("--corpora", type=Path, help="the folder that holds git_commits")
    parser.add_argument("--users", type=int, default=12, help="people of --quality")
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if given.quality:
        if given.corpora is None:
            parser.error("--quality needs --corpora, the folder that holds git_commits")
        quality(given.corpora, 4 if given.quick else given.users, 2)
        return
    people, rounds = ([10, 200], 3) if given.quick else (given.people, given.rounds)
    for name, targets in ((name, {"tiny": "q,v", "random": "all linear"}[name]) for name in given.models):
        lm = model(name)
        row = Layout.of(adapter(lm, 0, TARGETS[targets]), "fp32").size
        tell(f"\n{lm.name}, LoRA r=8 on {targets}: microseconds a person, and times a memory copy of the row")
        for count in people:
            if count * row <= LARGEST:
                ready(lm, targets, count, "fp32", rounds, given.folder)
        for precision in ("fp16", "int8"):
            ready(lm, targets, min(1000, max(people)), precision, rounds, given.folder)
        against_peft(lm, targets, 12 if given.quick else PEFT_PEOPLE, given.folder)


if __name__ == "__main__":
    main()
