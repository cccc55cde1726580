"""PUMA: the model names the function to call, and is then told what the person did before, in the fields that this function needs.

Cai, Li, Wang, Zhu, Shen, Li, Chua. Large Language Models Empowered Personalized Web Agents. WWW 2025, arXiv:2410.17236.

Behaviours are records whose answers are lines of "field: value". Departs from the paper: the model is prompted, as in the paper's runs
with gpt-4o; training it on calls and preferring those that score best in the shop is left out. BM25 stands for MiniLM. Where most
records have no such fields, this is no shop: the nearest are quoted, and the model is not asked for a function. Departs from the
released code: what was bought keeps its order, newest first, where there it passes through a set.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, count, quoted
from idiolect.retrieval import rank
from idiolect.retrieval.bm25 import words
from idiolect.types import History, Record, Request, State, ask

Function = tuple[str, str, tuple[str, ...]]  # its name, what it is for, and the fields of a behaviour that it needs
SHOP: tuple[Function, ...] = (
    ("search", 'search("words"): find a product of a kind that the person names', ("title", "category", "price", "store")),
    ("recommend", "recommend(id, id, ...): find what a person may like next, by what they bought before", ("id", "title", "category")),
    ("review", 'review("text"): write a review of a product that the person bought, in their words', ("rating", "text")),
)
CHOOSE = "Functions:\n{functions}\n\nWhich function serves this request? Answer with its name only.\n\nRequest: {question}"
DID = "What this person did before:"
FIELD = re.compile(r"^(\w+):[ \t]*(\S.*)$", re.MULTILINE)


@dataclass
class PUMA(Method):
    """Of the `pool` nearest behaviours as many as `budget` tokens hold, in the fields of the chosen one of `functions`.

    Those of a function that needs an id are told newest first, the others nearest first.
    """

    pool: int = 100
    ranker: str = "bm25"
    budget: int = 768
    call_tokens: int = 8
    functions: tuple[Function, ...] = SHOP

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        near = rank(state.records, self.ranker).search(request.question, self.pool)
        known = {field for _, _, fields in self.functions for field in fields}
        if 2 * sum(bool(fields_of(record) & known) for record in near) <= len(near):
            return build(request, [self._within(quoted(near), lm)], lm)
        name, use, fields = self.chosen(request.question, lm)
        if "id" in fields:
            near = list(reversed(History(near)))
        lines = [(_line(record, fields), record) for record in near]
        pieces = [Piece(text, (f"record:{record.id}",), float(place)) for place, (text, record) in enumerate(lines) if text]
        asked = replace(request, because=(*request.because, f"function:{name}"))
        return build(asked, [Section((Piece(f"Call {use}."),)), self._within(Section(tuple(pieces), DID, "\n"), lm)], lm)

    def chosen(self, question: str, lm: LM) -> Function:
        """The function that the model names first; where it names none, the one whose use shares the most words with the question."""
        listed = "\n".join(f"- {use}" for _, use, _ in self.functions)
        reply = lm.generate([ask(CHOOSE.format(functions=listed, question=question), max_tokens=self.call_tokens)])[0]
        said = words(reply.text)
        named = [function for function in self.functions if function[0] in said]
        if named:
            return min(named, key=lambda function: said.index(function[0]))
        asked = set(words(question))
        return max(self.functions, key=lambda function: len(asked & set(words(function[1]))))

    def _within(self, section: Section, lm: LM) -> Section:
        """The first pieces that `budget` holds."""
        kept: list[Piece] = []
        left = self.budget
        for piece in section.pieces:
            left -= count(lm, piece.text + section.join)
            if left < 0:
                break
            kept.append(piece)
        return replace(section, pieces=tuple(kept))


def fields_of(record: Record) -> set[str]:
    """The names of the fields of a behaviour; none of what is no list of fields."""
    return {name for name, _ in FIELD.findall(record.answer)}


def _line(record: Record, fields: Sequence[str]) -> str:
    """A behaviour in one line, in these fields; "" where it has none of them. What it was about stands before it."""
    held = dict(FIELD.findall(record.answer))
    said = "; ".join(f"{field}: {held[field]}" for field in fields if field in held)
    return f"- {record.prompt}: {said}" if said and record.prompt.strip() else f"- {said}" if said else ""
