"""What learning a person costs with each method, and what a million people would: seconds, tokens and bytes, from fit to the disk.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/fleet.py --corpora PATH [--people 48] [--methods rag,oppu] [--quick]

Committers of git_commits (the bundled sample without --corpora), one thread. CPU seconds for what is computed, and seconds of the
clock for what waits on the disk; both depend on the machine, tokens and bytes do not. Assumptions: docs/scale.md.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rounds import tell

from idiolect import catalogue
from idiolect.data.corpora import git_commits
from idiolect.data.sample import sample
from idiolect.fleet import Local, Work, learn
from idiolect.models.local import LocalLM, load
from idiolect.store import Store
from idiolect.types import User

METHODS = "rag,stats_profile,soft_prompt,oppu"
MANY = 1_000_000
CORES = 64  # of the cluster in the projection


@dataclass
class Cost:
    """Of one person, but for `fit_*`, which is once for all."""

    fit_cpu: float
    fit_tokens: float
    cpu: float
    tokens: float
    save: float  # seconds of the clock
    check: float  # seconds of the clock: a run that finds the person done
    state_bytes: float
    disk_bytes: float  # what the store grew by


class Meter:
    """Adds up the seconds that a function takes by a clock, and the tokens that pass through the model meanwhile."""

    def __init__(self, lm: LocalLM, clock: Callable[[], float], of: Callable[..., Any]) -> None:
        self.lm, self.clock, self.of, self.seconds, self.tokens = lm, clock, of, 0.0, 0

    def __call__(self, *given: Any) -> Any:
        began, before = self.clock(), passed(self.lm)
        made = self.of(*given)
        self.seconds += self.clock() - began
        self.tokens += passed(self.lm) - before
        return made


def count_tokens(lm: LocalLM) -> None:
    """From now on `lm` counts the tokens of the rows it is given, in training and in reading prompts; what it writes is not counted."""
    padded = lm.engine.padded
    lm.passed = 0  # type: ignore[attr-defined]

    def counted(rows: Any, bends: Any) -> Any:
        lm.passed += sum(len(row.ids) for row in rows)  # type: ignore[attr-defined]
        return padded(rows, bends)

    lm.engine.padded = counted  # type: ignore[method-assign]


def passed(lm: LocalLM) -> int:
    """Tokens counted so far."""
    return int(lm.passed)  # type: ignore[attr-defined]


def measured(name: str, lm: LocalLM, users: Sequence[User], folder: Path) -> Cost:
    """One method on everybody, by `learn`; then a second run, which finds everybody done."""
    method, config, count = catalogue.load(name), {"model": lm.name}, len(users)
    method.fit = fit = Meter(lm, time.process_time, method.fit)  # type: ignore[method-assign]
    method.enroll = enroll = Meter(lm, time.process_time, method.enroll)  # type: ignore[method-assign]
    with Store(folder / "people.db") as store:
        for user in users:
            store.add(user.id, user.records)
        before = size(folder)
        store.save = save = Meter(lm, time.perf_counter, store.save)  # type: ignore[method-assign]
        made = learn(store, name, config, Work(lambda: lm, method), Local())
        if made.failed:
            raise SystemExit(f"{made.failed[0].user_id} could not be learnt: {made.failed[0].reason}")
        kept = [row.bytes for user in users for row in store.provenance(user.id)]
        grown = size(folder) - before
        check = Meter(lm, time.perf_counter, learn)
        check(store, name, config, Work(lambda: lm, method), Local())
    own = (enroll.seconds / count, enroll.tokens / count, save.seconds / count, check.seconds / count)
    return Cost(fit.seconds, fit.tokens, *own, sum(kept) / count, grown / count)


def size(folder: Path) -> int:
    """Bytes of a store's database, its journal and the files beside it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def report(costs: dict[str, Cost], records: float, lm: LocalLM, count: int) -> None:
    """The costs of a person, and of MANY."""
    tell(f"\n{count} people, {records:.0f} records each on average, model {lm.name!r}, one thread\n")
    tell(f"{'a person':<14}{'fit, once':>11}{'enroll':>11}{'tokens':>9}{'save':>9}{'check':>9}{'state':>11}{'on disk':>11}")
    for name, cost in costs.items():
        times = f"{cost.fit_cpu:>9.1f} s{cost.cpu:>9.4f} s{cost.tokens:>9,.0f}{1e3 * cost.save:>6.1f} ms{1e3 * cost.check:>6.1f} ms"
        tell(f"{name:<14}{times}{cost.state_bytes / 1e3:>8.1f} kB{cost.disk_bytes / 1e3:>8.1f} kB")
    tell(f"\nfit, once: {', '.join(f'{name} {cost.fit_tokens:,.0f} tokens' for name, cost in costs.items() if cost.fit_tokens)}")
    tell(f"\n{f'{MANY:,} people':<18}{'core hours':>12}{f'{CORES} cores':>12}{'writer':>11}{'tokens':>12}{'on disk':>11}{'workers':>9}")
    for name, cost in costs.items():
        hours = MANY * cost.cpu / 3600
        writer = MANY * (cost.save + cost.check) / 3600
        fed = cost.cpu / (cost.save + cost.check)
        sizes = f"{MANY * cost.tokens / 1e9:>9,.1f} bn{MANY * cost.disk_bytes / 1e9:>8,.0f} GB{max(1, round(fed)):>9,}"
        tell(f"{name:<18}{hours:>10,.1f} h{hours / CORES:>10,.1f} h{writer:>9,.1f} h{sizes}")
    tell("\nworkers: so many keep the one writer busy; more of them do not help. writer: reading and checking a person, and saving them.")


def main() -> None:
    """Measure, and print both tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--corpora", type=Path, help="the folder that holds git_commits/; left out: the bundled sample")
    given.add_argument("--people", type=int, default=48)
    given.add_argument("--methods", default=METHODS)
    given.add_argument("--model", default="tiny")
    given.add_argument("--seed", type=int, default=0)
    given.add_argument("--quick", action="store_true", help="eight people")
    options = given.parse_args()
    torch.set_num_threads(1)
    everybody = list(git_commits(options.corpora / "git_commits")) if options.corpora else list(sample())
    count = min(8 if options.quick else options.people, len(everybody))
    users = random.Random(options.seed).sample(everybody, count)
    lm = load(options.model)
    count_tokens(lm)
    costs = dict[str, Cost]()
    with tempfile.TemporaryDirectory() as folder:
        for number, name in enumerate(options.methods.split(",")):
            place = Path(folder) / str(number)
            place.mkdir()
            costs[name] = measured(name, lm, users, place)
    report(costs, sum(len(user.records) for user in users) / count, lm, count)
    lengths = sorted(len(user.records) for user in users)
    tell(f"records a person: {lengths[0]} to {lengths[-1]}, {lengths[count // 2]} in the middle.")


if __name__ == "__main__":
    main()
