"""Modular Pluralism: small models of communities each say something, and the model takes up all of it, or one, or what they make likely.

Feng, Sorensen, Liu, Fisher, Park, Choi, Tsvetkov. Modular Pluralism: Pluralistic Alignment via Multi-LLM Collaboration. EMNLP 2024,
arXiv:2406.15951.

Mode "overton" answers with everything the communities said before it; "steerable" with what one said, which the model names as the
likeliest from this person; "distributional" by the mean of its next-token probabilities over the communities, one told at a time.

Departs from the paper: communities are found among the people who teach, each a LoRA on the model itself; the attribute that is steered to
is the person, by their records; somebody without records is answered as in "overton". As in the released code, what is named is drawn by
lot where no number is found in the reply: the answer's reasons say so. The distribution is that of whole answers, not of options that are
looked up among the ten likeliest tokens, so that no option can be missed.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, profile, quoted
from idiolect.retrieval import rank
from idiolect.training.communities import Gathering, communities
from idiolect.training.loop import Plan
from idiolect.types import Guide, Record, Reply, Request, State, User, ask, digest

SAID = "What people of several communities would say:"
ONE = "What people like this person would say: "
CHOOSE = "A question: {question}\n\nAnswers to it:\n{answers}\n\nWhich would this person give? Reply with its number alone."


@dataclass
class ModularPluralism(Method):
    """Up to `count` communities of `least` people or more, a LoRA of `rank` each; `k` records say who the person is."""

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "guide", "train"})
    mode: Literal["overton", "steerable", "distributional"] = "steerable"
    count: int = 5
    least: int = 2
    k: int = 4
    ranker: str = "bm25"
    message_tokens: int = 64
    population: bool = False  # whether larger communities count for more in "distributional"
    rank: int = 8
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 24
    community_pairs: int = 192
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        gathering = Gathering(self.count, self.least, self.newest, self.community_pairs, self.seed)
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=8, seed=self.seed)
        made = communities(lm, users, gathering, rank=self.rank, modules=self.modules, training=plan)
        self.shared = State(parts=tuple(State(adapter=adapter, numbers={"people": people}) for adapter, people in made))

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if self.mode not in ("overton", "steerable", "distributional"):
            raise MethodError(f"communities are heard as 'overton', 'steerable' or 'distributional', not as {self.mode!r}")
        asked = [
            request.bent(adapters={part.adapter: 1.0}).sampled(max_tokens=self.message_tokens, temperature=1.0, top_p=0.9, stop=())
            for part in self.shared.parts
            if part.adapter
        ]
        messages = lm.generate(asked)
        heard = [place for place, message in enumerate(messages) if message.text.strip()]
        if not heard:
            return request
        said = [messages[place].text.strip() for place in heard]
        near = rank(state.records, self.ranker).search(request.question, self.k)
        asking, spent = build(request, [Section(tuple(Piece(text) for text in said), SAID)], lm), list[Reply]()
        if self.mode == "distributional":
            asking = self._averaged(request, said, heard, lm)
        elif self.mode == "steerable" and near:
            asking, spent = self._steered(request, said, near, lm)
        silent = len(messages) - len(heard)
        reasons = [f"community:{place + 1}" for place in heard]
        reasons += [f"fallback: {silent} of {len(messages)} communities said nothing"] if silent else []
        final = lm.generate([replace(asking, because=(*asking.because, *reasons))])[0]
        return final.chosen_of([*messages, *spent, final])

    def _averaged(self, request: Request, said: Sequence[str], heard: Sequence[int], lm: LM) -> Request:
        first, *others = [build(request, [profile(SAID + "\n\n" + text, ())], lm) for text in said]
        people = [self.shared.parts[place].numbers["people"] if self.population else 1.0 for place in heard]
        return first.bent(guide=Guide(tuple(others), tuple(one / sum(people) for one in people), "arithmetic"))

    def _steered(self, request: Request, said: Sequence[str], near: Sequence[Record], lm: LM) -> tuple[Request, list[Reply]]:
        """The request told what this person would say, by the model's own choice, and the reply that chose it."""
        numbered = "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(said, start=1))
        put = CHOOSE.format(question=request.question, answers=numbered)
        choosing = build(ask(put, max_tokens=4, seed=request.sampling.seed), [quoted(near)], lm)
        reply = lm.generate([choosing])[0]
        number, found = named(reply.text, len(said))
        if not found:
            number = random.Random(digest(str(self.seed), request.question)).randrange(len(said))
        told = build(request, [profile(ONE + said[number], ())], lm)
        reasons = (*choosing.because, *([] if found else ["fallback: no community was named, one was drawn"]))
        return replace(told, because=(*told.because, *reasons)), [reply]


def named(text: str, count: int) -> tuple[int, bool]:
    """The place of the number, 1 to `count`, that a reply names first, and whether it names one."""
    numbers = [int(number) for number in re.findall(r"\d{1,6}", text)]
    good = [number - 1 for number in numbers if 1 <= number <= count]
    return (good[0], True) if good else (0, False)
