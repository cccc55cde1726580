"""Okapi BM25 as rank_bm25 0.2.2 computes it: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from idiolect.retrieval.ranker import Order, Ranker, Scores, first_of, indexed, later_first
from idiolect.types import History, Record
from idiolect.wording import about

_UNSPACED = "\u3040-\u30ff\u3400-\u9fff"  # Japanese and Chinese are written without spaces: there, each character is a token
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")


def words(text: str) -> list[str]:
    """Runs of letters and digits in lower case, so that "Parser_v2.py" gives parser, v2, py."""
    return _WORD.findall(text.lower())


class BM25(Ranker):
    """Ranks by shared words. The text is `indexed`: what the prompt is about, and the answer (or `answers_only`).

    `tokenize` is `words`; published results with rank_bm25 (LaMP and after it) split at white space only: `tokenize=str.split`.

    `scores` are rank_bm25's for the same tokens: a term in more than half of the records has a negative idf, which is
    replaced by `epsilon` times the mean idf. In a tiny or repetitive history that mean is itself negative, and matching
    records score below all others; a term in just half of them has idf 0 and counts for nothing. `order` and `search` rank
    by `scores` but for these two: where the mean is not positive, every idf is ln(1 + (N - df + .5) / (df + .5)), which is
    never negative; elsewhere an idf of 0 is replaced as a negative one is. Where nothing matches, all scores are 0 and the
    tie rule gives the latest records.
    """

    def __init__(
        self,
        records: Sequence[Record],
        tokenize: Callable[[str], list[str]] = words,
        k1: float = 1.5,
        b: float = 0.75,
        epsilon: float = 0.25,
        answers_only: bool = False,
    ) -> None:
        super().__init__(records)
        self.tokenize = tokenize
        counted = partial(_counted, tokenize=tokenize, answers_only=answers_only)
        if isinstance(records, History):
            counts = records.each(("terms", tokenize, answers_only), counted)
        else:
            counts = [counted(record) for record in records]
        self._number: dict[str, int] = {}  # term -> its number, in the order of first appearance
        terms = [self._number.setdefault(term, len(self._number)) for count in counts for term in count]
        times = np.array([n for count in counts for n in count.values()], dtype=np.float64)
        sizes = [len(count) for count in counts]
        holders = np.repeat(np.arange(len(counts)), sizes)
        lengths = np.array([count.total() for count in counts], dtype=np.float64)
        mean = lengths.mean() if lengths.any() else 1.0
        weights = times * (k1 + 1) / (times + k1 * (1 - b + b * lengths[holders] / mean))
        self._lay_out(np.array(terms, dtype=np.intp), holders, weights)
        self._set_idf(epsilon)

    def scores(self, query: str) -> Scores:
        return self._sum(query, self._idf)

    def order(self, query: str) -> Order:
        return later_first(self._sum(query, self._ranking_idf))

    def best(self, query: str, k: int) -> Order:
        return first_of(self._sum(query, self._ranking_idf), k)

    def _lay_out(self, terms: Order, holders: Order, weights: Scores) -> None:
        """Postings by term: those of term t lie from _from[t] to _from[t + 1]."""
        by_term = np.argsort(terms, kind="stable")
        self._holders, self._weights = holders[by_term], weights[by_term]
        self._from = np.searchsorted(terms[by_term], np.arange(len(self._number) + 1))

    def _set_idf(self, epsilon: float) -> None:
        held = np.diff(self._from).astype(np.float64)  # (terms,) records that hold each term
        unheld = len(self.records) - held
        idf = np.log(unheld + 0.5) - np.log(held + 0.5)
        mean = float(idf.mean()) if len(idf) else 0.0
        self._idf = np.where(idf < 0, epsilon * mean, idf)
        self._ranking_idf = np.where(idf <= 0, epsilon * mean, idf) if mean > 0 else np.log1p((unheld + 0.5) / (held + 0.5))

    def _sum(self, query: str, idf: Scores) -> Scores:
        made = np.zeros(len(self.records))
        for term, times in Counter(self.tokenize(about(query))).items():
            number = self._number.get(term)
            if number is not None:
                span = slice(self._from[number], self._from[number + 1])
                made[self._holders[span]] += times * idf[number] * self._weights[span]
        return made


def _counted(record: Record, tokenize: Callable[[str], list[str]], answers_only: bool) -> Counter[str]:
    return Counter(tokenize(indexed(record, answers_only)))
