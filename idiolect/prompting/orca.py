"""Orca: Big-Five facets that the model finds in what a person wrote are told with the words that show them.

Huang. Orca: Enhancing Role-Playing Abilities of Large Language Models by Integrating Personality Traits. 2024, arXiv:2411.10006.

Texts are read in chunks; a facet's score is the share of chunks that show it, a trait's the sum of its six facets. Departs from the
paper: a facet counts only where the model gives words that stand in the chunk, and these are told with it in place of the model's
explanation; what does not is counted. The model is not trained on profiles; no profile, background or inner monologue is invented.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.facts.keep import folded
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build
from idiolect.training.big_five import ALL_FACETS, FACETS, sums
from idiolect.types import Fact, Record, Request, State, User, ask
from idiolect.wording import quote

FIND = (
    "{texts}\n\nWhich of these traits do the texts show? {facets}\n"
    "For each one that they show write a line: the trait, a colon, and the words of the texts that show it, in quotes. Leave out the rest."
)
SHOWN = "This person's traits, from 0 to 6, as their own words show them:"
LINE = re.compile(r"^[\W\d_]*([A-Za-z][A-Za-z -]+?)\W*:\s*(.+)$", re.MULTILINE)
WORDS = 2  # of evidence at least
KIND = "facet"


@dataclass
class Orca(Method):
    """Reads the `newest` texts, `chunk` at a time, each answered in `facet_tokens`; tells `most` facets of each trait, most shown first."""

    chunk: int = 10
    newest: int = 50
    most: int = 3
    facet_tokens: int = 200

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        parts = [chunks(user.records.newest(self.newest), self.chunk) for user in users]
        asked = [self._find(texts) for own in parts for texts in own]
        replies = iter(lm.generate(asked) if asked else [])
        return [_state([(texts, next(replies).text) for texts in own]) for own in parts]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return state  # facets need the model: they wait for `update`

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        scores = {name: score for name, score in state.numbers.items() if name in ALL_FACETS}
        pieces = [piece for trait, total in sums(scores).items() for piece in self._told(trait, total, scores, state.facts)]
        return build(request, [Section(tuple(pieces), SHOWN, "\n")], lm)

    def _find(self, texts: Sequence[Record]) -> Request:
        return ask(FIND.format(texts=quote(texts), facets=", ".join(ALL_FACETS)), max_tokens=self.facet_tokens)

    def _told(self, trait: str, total: float, scores: dict[str, float], facts: Sequence[Fact]) -> list[Piece]:
        """A line for the trait, if anything of it was shown: its sum, and the facets that show most with the newest words for each."""
        shown = sorted((facet for facet in FACETS[trait] if scores.get(facet)), key=lambda facet: -scores[facet])[: self.most]
        latest = [max((fact for fact in facts if fact.key == facet), key=lambda fact: fact.since) for facet in shown]
        said = "; ".join(f'{fact.key} ("{fact.text}")' for fact in latest)
        because = tuple(reason for fact in latest for reason in (f"fact:{fact.id}", *(f"record:{source}" for source in fact.sources)))
        return [Piece(f"- {trait} {total:.1f}: {said}", because)] if shown else []


def chunks(records: Sequence[Record], size: int) -> list[Sequence[Record]]:
    """The records in order, `size` at a time: each in one chunk, the last one shorter."""
    return [records[start : start + size] for start in range(0, len(records), size)]


def evidence(texts: Sequence[Record], reply: str) -> tuple[dict[str, Fact], int]:
    """The facets of a reply whose words stand in one of the texts, each with the newest text that has them; and how many lines had none."""
    found, wrong = dict[str, Fact](), 0
    for name, said in LINE.findall(reply):
        facet, words = name.strip().lower(), said.strip().strip("\"'“”„«»").strip()
        by = [text for text in texts if f" {folded(words)} " in f" {folded(text.answer)} "]
        if facet not in ALL_FACETS or len(folded(words).split()) < WORDS or not by:
            wrong += 1
            continue
        source = by[-1]
        found[facet] = Fact(words, (source.id,), source.time, kind=KIND, key=facet)
    return found, wrong


def _state(read: Sequence[tuple[Sequence[Record], str]]) -> State:
    """Shares of chunks as numbers, the words as facts, and "unsupported": lines that no text bore out."""
    parsed = [evidence(texts, reply) for texts, reply in read]
    counts = {facet: sum(facet in found for found, _ in parsed) / len(parsed) for facet in ALL_FACETS if parsed}
    numbers = {facet: share for facet, share in counts.items() if share}
    wrong = float(sum(wrong for _, wrong in parsed))
    facts = tuple(fact for found, _ in parsed for fact in found.values())
    return State(numbers=numbers | ({"unsupported": wrong} if wrong else {}), facts=facts)
