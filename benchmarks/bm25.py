"""BM25 over one person's records, made and asked: ours beside rank_bm25 and bm25s, the same tokens, the same scores.

    OMP_NUM_THREADS=1 python benchmarks/bm25.py [--quick] [--records 1000] [--site SITE]

bm25s is no dependency: `pip install --target SITE bm25s rank_bm25`, then `--site SITE`. Made: from texts to an object that answers.
Asked: the five best of one query, its words known. CPU seconds of one thread, ways in turn, medians. bm25s is asked for the variant
that rank_bm25 has ("atire": another idf), so its scores are not compared; those of rank_bm25 are. Texts are made up.
"""

from __future__ import annotations

import argparse
import importlib
import logging
import random
import statistics
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rounds import Way, interleaved, ratio, tell

from idiolect.data.sample import sample
from idiolect.retrieval.bm25 import BM25, words
from idiolect.types import Record

QUERIES = 50
K = 5


def texts_of(count: int, seed: int = 0) -> list[str]:
    """Texts of 10 to 60 words, frequent and rare as in a language: the sample's words by rank, and made-up names."""
    drawn = random.Random(seed)
    vocabulary = sorted({word for user in sample() for record in user.records for word in words(f"{record.prompt} {record.answer}")})
    drawn.shuffle(vocabulary)
    vocabulary += [f"name{number}" for number in range(4 * len(vocabulary))]
    shares = [1 / (rank + 3) for rank in range(len(vocabulary))]
    return [" ".join(drawn.choices(vocabulary, shares, k=drawn.randint(10, 60))) for _ in range(count)]


def ways_of(texts: Sequence[str], site: Path | None) -> dict[str, tuple[Callable[[], Any], Callable[[Any, str], Any]]]:
    """How each is made, and asked for the five best."""
    records = [Record("", text, float(at)) for at, text in enumerate(texts)]
    ways: dict[str, tuple[Callable[[], Any], Callable[[Any, str], Any]]] = {
        "ours": (lambda: BM25(records), lambda made, query: made.search(query, K))
    }
    if site is not None:
        sys.path.append(str(site))
    try:
        okapi = importlib.import_module("rank_bm25").BM25Okapi
        ways["rank_bm25"] = (
            lambda: okapi([words(text) for text in texts]),
            lambda made, query: made.get_top_n(words(query), records, K),
        )
    except ImportError as error:
        tell(f"{error}: pip install rank-bm25")
    try:
        bm25s = importlib.import_module("bm25s")
        logging.disable()

        def make() -> Any:
            made = bm25s.BM25(method="atire", k1=1.5, b=0.75)
            made.index([words(text) for text in texts], show_progress=False)
            return made

        ways["bm25s"] = (make, lambda made, query: made.retrieve([words(query)], k=K, show_progress=False))
        ways["bm25s, scores alone"] = (make, lambda made, query: made.get_scores(words(query)))
    except ImportError as error:
        tell(f"{error}: pip install --target SITE bm25s, and --site SITE")
    return ways


def _each(ask: Callable[[Any, str], Any], made: Any, queries: Sequence[str]) -> None:
    for query in queries:
        ask(made, query)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few rounds")
    parser.add_argument("--records", type=int, nargs="+", default=[40, 1000, 10_000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--site", type=Path, help="where bm25s was installed")
    given = parser.parse_args()
    rounds = 2 if given.quick else given.rounds
    for count in given.records:
        texts = texts_of(count)
        queries = [" ".join(random.Random(at).sample(texts[at % count].split(), 6)) for at in range(QUERIES)]
        ways = ways_of(texts, given.site)
        made = {name: make() for name, (make, _) in ways.items()}
        if "rank_bm25" in made:
            for query in queries:
                np.testing.assert_allclose(made["ours"].scores(query), made["rank_bm25"].get_scores(words(query)), atol=1e-9)
        asking: dict[str, Way] = {name: partial(_each, ask, made[name], queries) for name, (_, ask) in ways.items()}
        making: dict[str, Way] = {name: make for name, (make, _) in ways.items() if "alone" not in name}
        for what, timed, each in (("made", making, 1), ("asked", asking, QUERIES)):
            seconds = interleaved(timed, rounds)
            told = [
                f"{name} {1e3 * statistics.median(times) / each:.3f} ms ({ratio(seconds, 'ours', name):.1f})"
                for name, times in seconds.items()
            ]
            tell(f"{count:>6} records, {what:<5}: {', '.join(told)}")


if __name__ == "__main__":
    main()
