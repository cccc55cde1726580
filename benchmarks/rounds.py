"""Ways to do one piece of work, timed in turn: CPU seconds, round after round, so that a busy machine is busy for all of them."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping

import torch

Way = Callable[[], object]


def interleaved(ways: Mapping[str, Way], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each way in each round, after one round that does not count. One thread."""
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if number:
                seconds[name].append(time.process_time() - start)
    return seconds


def ratio(seconds: Mapping[str, list[float]], ours: str, theirs: str) -> float:
    """How many times as fast `ours` is: the median of the rounds' own ratios."""
    return statistics.median(slow / fast for fast, slow in zip(seconds[ours], seconds[theirs], strict=True))


def show(title: str, seconds: Mapping[str, list[float]], work: Mapping[str, float], unit: str, against: str) -> None:
    """A line for each way: the median of its rate (`work` a round, in `unit`), and its ratio to `against`."""
    tell(f"\n{title}")
    for name, times in seconds.items():
        rate = work[name] / statistics.median(times)
        times_as_fast = ratio(seconds, against, name) * work[against] / work[name]
        tell(f"  {name:<44}{rate:>9,.0f} {unit}   {against} is {times_as_fast:5.2f} times as fast")


def tell(line: str) -> None:
    """One line to the terminal, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
