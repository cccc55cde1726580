"""Which of a person's records a question of LaMP is asked with: by each task's own fields, soundly or as published."""

from __future__ import annotations

import numpy as np

from idiolect.data.lamp import Form, piece, query
from idiolect.retrieval import BM25, Ranker, rank
from idiolect.types import History, Record, digest


def nearest(form: Form, records: History, question: str, by: str, k: int, strict: bool = False) -> list[Record]:
    """The `k` records to show, in the order in which they are shown; none for an empty history.

    `strict` is the published choice, for profiles in the order of their file: words split at white space, the order that
    `numpy.argsort` gives backwards (where nothing is shared the last records come first, and in a small or repetitive profile
    what matches comes last), the same record drawn more than once by "random". Else the project's rankers, best first.
    """
    if strict and k and len(records):
        return [records[i] for i in _published(form, records, question, by, k)]
    return [records[int(text.id)] for text in _ranker(form, records, by).search(query(form, question), k)]


def _published(form: Form, records: History, question: str, by: str, k: int) -> list[int]:
    count = len(records)
    if by == "bm25":
        ranker = records.made(("lamp", form.name, "split"), lambda own: BM25(_texts(form, own), tokenize=str.split))
        scores = ranker.scores(" ".join(query(form, question, strict=True).split()))
        return [int(i) for i in np.argsort(scores)[::-1][:k]]
    if by == "recency":
        return list(range(count))[-k:][::-1]
    if by == "random":
        return [int(i) for i in np.random.default_rng(int(digest(question), 16)).integers(count, size=k)]
    return [int(i) for i in _ranker(form, records, by).order(query(form, question, strict=True))[:k]]


def _ranker(form: Form, records: History, by: str) -> Ranker:
    made: Ranker = records.made(("lamp", form.name, by), lambda own: rank(_texts(form, own), by))
    return made


def _texts(form: Form, records: History) -> list[Record]:
    """The records as what is searched of them; their ids are their places."""
    return [Record("", piece(form, one).corpus, one.time, str(place)) for place, one in enumerate(records)]
