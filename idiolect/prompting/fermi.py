"""FERMI: instructions for one person, improved by the questions that the model answered unlike them; the best for questions alike is used.

Kim, Yang. Few-shot Personalization of LLMs with Mis-aligned Responses. NAACL 2025, arXiv:2406.18678.

Departs from the paper: the missed answers that the writer of instructions sees are earlier than those that instructions are scored on, for
otherwise an instruction could hand an answer over; a score is how alike the words are; the first instructions are nothing and a counted
profile; `k` records are quoted beside them; rounds, drafts and kept instructions are fewer. What its writer was shown is asked under an
instruction again, as in the paper, which decides nothing. With `writer="counted"` drafts are those that leave out one sentence of the
best instruction or take one in: then nothing is shown, and the search needs no capable model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from idiolect.facts.outlines import by_model, near, portrait
from idiolect.facts.trials import Answered, Asking, tried
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Section, build, profile, quoted
from idiolect.retrieval.embedders import embed
from idiolect.types import History, Request, State, User, ask
from idiolect.wording import about, clip

WRITE = "Write one better instruction, of at most 50 words, on how to answer as this person would. Give the instruction alone."
TRIED, MISSED = "Instructions that were tried, with scores from 0 to 1:", "Where an instruction failed:"
WORDS = 40  # of a question and an answer that are shown to the writer


@dataclass(frozen=True)
class Tried:
    """An instruction, and what was answered under it: to the questions shown to the writer, and to those that decide."""

    text: str
    shown: tuple[Answered, ...]
    held: tuple[Answered, ...]

    @property
    def score(self) -> float:
        """The mean over the questions that decide."""
        return float(np.mean([one.worth for one in self.held]))


@dataclass(frozen=True)
class Search:
    """One person's: records to write from, questions shown to the writer, later ones that decide, and the best instructions so far."""

    first: History
    shown: History
    held: History
    memory: tuple[Tried, ...] = ()
    known: frozenset[str] = frozenset()  # all that was tried


@dataclass
class FERMI(Method):
    """In each of `rounds`, `drafts` instructions a person are tried on `questions` shown and as many held back; the `kept` best stay.

    A question is answered under the instruction that did best on the `similar` nearest of those held back.
    """

    k: int = 2
    ranker: str = "bm25"
    rounds: int = 3
    drafts: int = 2
    kept: int = 4
    questions: int = 4
    similar: int = 2
    missed: float = 0.5
    prompt_tokens: int = 70
    answer_tokens: int = 32
    newest: int = 100
    writer: str = "model"

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        searches = [self._begun(user.records) for user in users]
        drafts = [["", portrait(search.first.newest(self.newest))] for search in searches]
        for turn in range(self.rounds + 1):
            searches = self._scored(users, searches, drafts, lm)
            drafts = self._drafts(searches, turn, lm) if turn < self.rounds else []
        return [self._state(user, search) for user, search in zip(users, searches, strict=True)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        found = near(state.records, request.question, self.k, self.ranker)
        return build(request, [profile(self._best(state, request.question)), quoted(found)], lm)

    def _begun(self, records: History) -> Search:
        """In time: at least a third to write from, `questions` to show a writer that is a model, `questions` to hold back."""
        parts = 3 if by_model(self.writer) else 2
        count = min(self.questions, len(records) // parts)
        held = records.newest(count)
        before = records.before(held[0]) if count else records
        shown = before.newest(count if parts == 3 else 0)
        return Search(before.before(shown[0]) if len(shown) else before, shown, held)

    def _scored(self, users: Sequence[User], searches: Sequence[Search], drafts: Sequence[Sequence[str]], lm: LM) -> list[Search]:
        """Every search with its new drafts tried, and its `kept` best in memory; of equal ones, those that came first."""
        new = [[text for text in dict.fromkeys(own) if text not in s.known] for s, own in zip(searches, drafts, strict=True)]
        asked = [
            (t, r, u.records) for u, s, own in zip(users, searches, new, strict=True) for t in own for r in (*s.shown, *s.held) if s.held
        ]
        answers = iter(tried(lm, asked, Asking(self.k, self.ranker, self.answer_tokens)) if asked else [])
        made = []
        for search, own in zip(searches, new, strict=True):
            if not search.held:
                made.append(search)
                continue
            found = [Tried(t, tuple(next(answers) for _ in search.shown), tuple(next(answers) for _ in search.held)) for t in own]
            best = sorted((*search.memory, *found), key=lambda one: -one.score)[: self.kept]
            made.append(replace(search, memory=tuple(best), known=search.known | {*own}))
        return made

    def _drafts(self, searches: Sequence[Search], turn: int, lm: LM) -> list[list[str]]:
        if not by_model(self.writer):
            return [self._toggled(search) for search in searches]
        seeds = range(turn * self.drafts, (turn + 1) * self.drafts)
        asked = [self._writing(search, lm).sampled(temperature=1.0, seed=seed) for search in searches if search.held for seed in seeds]
        written = iter(lm.generate(asked) if asked else [])
        return [[next(written).text.strip() for _ in seeds] if search.held else [] for search in searches]

    def _writing(self, search: Search, lm: LM) -> Request:
        """The memory, worst first as the paper orders it, and what the best of it missed of the questions shown."""
        listed = "\n".join(f"{one.score:.2f}: {one.text or '(none)'}" for one in reversed(search.memory))
        failed = [
            f"Asked: {clip(about(record.prompt), WORDS)}\nAnswered: {clip(answer.text, WORDS)}\nThey wrote: {clip(record.answer, WORDS)}"
            for record, answer in zip(search.shown, search.memory[0].shown, strict=True)
            if answer.worth < self.missed
        ]
        told: list[Section] = [profile(f"{TRIED}\n{listed}"), profile("\n\n".join([MISSED, *failed]) if failed else "")]
        return build(ask(WRITE, max_tokens=self.prompt_tokens), told, lm)

    def _toggled(self, search: Search) -> list[str]:
        """The first `drafts` instructions, not yet tried, that differ from the best by one sentence of the profile."""
        if not search.memory:
            return []
        whole = re.split(r"(?<=\.) (?=[A-Z])", portrait(search.first.newest(self.newest)))
        best = search.memory[0].text
        subsets = [" ".join(s for s in whole if (s in best) != (s == toggled)) for toggled in whole]
        return [text for text in dict.fromkeys(subsets) if text not in search.known][: self.drafts]

    def _state(self, user: User, search: Search) -> State:
        memory = [State(text=one.text, arrays={"worth": np.array([answer.worth for answer in one.held])}) for one in search.memory]
        text = "" if memory else portrait(user.records.newest(self.newest))
        places = State(numbers={record.id: place for place, record in enumerate(search.held)})
        return State(text=text, records=user.records, parts=(places, *memory) if memory else ())

    def _best(self, state: State, question: str) -> str:
        """Retrieval-of-Prompt: of the instructions kept, the one that did best on the past questions nearest to this one."""
        if not state.parts:
            return state.text
        places, *memory = state.parts
        held = [record for record in state.records if record.id in places.numbers]
        vectors = embed([about(question), *(about(record.prompt) for record in held)])
        nearest = np.argsort(-(vectors[1:] @ vectors[0]), kind="stable")[: self.similar]
        chosen = [int(places.numbers[held[place].id]) for place in nearest]
        return max(memory, key=lambda one: float(one.arrays["worth"][chosen].sum())).text
