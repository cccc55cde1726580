"""MemoRAG: a memory of the whole history gives clues to what a question needs, and records are searched by the clues as well.

Qian, Liu, Zhang, Mao, Lian, Dou, Huang. MemoRAG: Boosting Long Context Processing with Global Memory-Enhanced Retrieval Augmentation.
WWW 2025, arXiv:2409.05591.

Each clue of more than three words is a query beside the question; what they find is told once, in the order in which it was written.
Departs from the paper: the lite form, without a memory model whose states of the history are kept: with `writer="model"` the model at
hand reads the newest records again for each question, and writes clues and further questions; with "counted", which needs no capable
model, a clue is four words that recur in the person's records and most often stand in one with words of the question. No draft answer is
asked for. A record is what the paper calls a chunk.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.facts.outlines import asking, by_model, items, near, written
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, quoted
from idiolect.retrieval import fuse
from idiolect.retrieval.content import content
from idiolect.retrieval.ranker import indexed
from idiolect.types import History, Record, Request, State
from idiolect.wording import about

SPANS = "A question:\n{question}\n\nCopy from what this person wrote the passages that bear on it, at most {clues}, one a line."
QUESTIONS = "A question:\n{question}\n\nWrite at most {clues} simpler questions whose answers are needed to answer it, one a line."
LEAST = 4  # words of a query: the paper drops lines of three and fewer


@dataclass
class MemoRAG(Method):
    """Quotes the `k` records nearest to the question and to each of `clues` clues, by "model" or "counted"; the model reads `newest`."""

    k: int = 3
    ranker: str = "bm25"
    writer: str = "counted"
    clues: int = 3
    newest: int = 50
    clue_tokens: int = 120

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        write = self._written if by_model(self.writer) else self._counted
        queries = [request.question, *write(state.records, about(request.question), lm)]
        hits = [near(state.records, query, self.k, self.ranker) for query in queries]
        return build(request, [quoted(fuse(hits))], lm)

    def _written(self, records: History, question: str, lm: LM) -> list[str]:
        """The lines that the model writes, asked once for passages and once for questions."""
        told = records.newest(self.newest)
        put = [asking(text.format(question=question, clues=self.clues), told, lm, self.clue_tokens) for text in (SPANS, QUESTIONS)]
        lines = [line for text in written(lm, put) for line in items(text)[: self.clues]]
        return [line for line in dict.fromkeys(lines) if len(line.split()) >= LEAST]

    def _counted(self, records: History, question: str, lm: LM) -> list[str]:
        """Queries of words that go with the question's words in the records."""
        held, df = records.made("content words", _held)
        asked = Counter(set(content(question)) & df.keys())
        rarity = {word: math.log1p(len(held) / df[word]) for word in asked}
        weights: Counter[str] = Counter()
        for one in held:
            if shared := sum(rarity[word] for word in one & asked.keys()):
                weights.update(dict.fromkeys(one - asked.keys(), shared))
        worth = {word: weight / math.sqrt(df[word]) for word, weight in weights.items() if df[word] > 1}
        best = sorted(worth, key=lambda word: (-worth[word], word))[: self.clues * LEAST]
        return [" ".join(best[at : at + LEAST]) for at in range(0, len(best) - LEAST + 1, LEAST)]


def _held(records: Sequence[Record]) -> tuple[list[set[str]], Counter[str]]:
    """The content words of each record, and in how many records each stands."""
    held = [set(content(indexed(record))) for record in records]
    return held, Counter(word for one in held for word in one)
