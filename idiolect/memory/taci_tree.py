"""TaciTree: facts are gathered under topics and those under wider ones; a question is followed from the widest down to the facts.

Li, Bantupalli, Dharmani, Zhang, Shang. Toward Multi-Session Personalized Conversation: A Large-Scale Dataset and Hierarchical Tree
Framework for Implicit Reasoning. EMNLP 2025, arXiv:2503.07018.

Departs from the paper: facts are read by rules, or with `writer="model"` by the model, and a record without any is a fact itself;
topics are found by average linkage in place of UMAP and a Gaussian mixture, so that each fact stands under one; a topic is called by
the words that recur in it, or by a sentence of the model's; unless `judge="model"` asks yes or no of each node, the `beam` nodes of a
level that are likest to the question are followed. Few facts are one level, where the released code fails. What is new is put
under topics at once, by rules; the model reads it and names topics at the next `update`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from idiolect.errors import MethodError
from idiolect.facts import extract, outlines
from idiolect.facts.keep import current, remember
from idiolect.facts.notes import notes, sections
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build
from idiolect.retrieval.clustering import tree, under
from idiolect.retrieval.content import content
from idiolect.retrieval.embedders import embed, rarity, unit
from idiolect.types import Fact, Floats, History, Record, Request, State, User, ask
from idiolect.wording import GIST_WORDS, about, clip

JUDGES = ("likeness", "model")
TOPIC = "topic"  # the kind of a fact that stands for those below it
NAME = "In one short sentence, what are these notes on a person about?\n\n{notes}"
JUDGE = "A question:\n{question}\n\nWhat is known of the person who asks: {node}\n\nCould this bear on the answer? Yes or no."
NAMED_WITH = 8  # words
NAMED_BY = 20  # notes, at most, that the model reads to name a topic


@dataclass
class TaciTree(Method):
    """Tells what a question leads to, the `k` likest where `judge` is "likeness"; reads the `newest` records.

    At most `top` nodes are at the top, each level below has `fan` times as many.
    """

    k: int = 4
    beam: int = 4
    top: int = 15
    fan: int = 6
    writer: str = "counted"
    judge: str = "likeness"
    newest: int = 300
    name_tokens: int = 40

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        writer = lm if outlines.by_model(self.writer) else None
        return [self._grown(user.records, (), user.records.newest(self.newest), writer) for user in users]

    def observe(self, state: State, user: User, new: Sequence[Record], lm: LM) -> State:
        return self._grown(user.records, [fact for fact in state.facts if fact.kind != TOPIC], new[-self.newest :], None)

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        return build(request, sections(self.followed(state, request.question, lm), state.records, state.facts), lm)

    def followed(self, state: State, question: str, lm: LM) -> list[Fact]:
        """The facts that a question leads to, the likest first."""
        if self.judge not in JUDGES:
            raise MethodError(f"what a question leads to is judged by {' or '.join(map(repr, JUDGES))}, not by {self.judge!r}")
        points = state.records.made(("tree", state.facts), lambda own: _points(state))
        likeness, parents = points @ _asked(question, points), state.arrays.get("parents", np.zeros(0)).tolist()
        front, found = [node for node, parent in enumerate(parents) if parent < 0], list[int]()
        while front:
            if self.judge == "model":
                chosen = self._judged(state.facts, front, question, lm)
            else:
                chosen = [node for node in sorted(front, key=lambda node: -likeness[node]) if likeness[node] > 0][: self.beam]
            found += [node for node in chosen if state.facts[node].kind != TOPIC]
            front = [node for node, parent in enumerate(parents) if parent in chosen]
        ranked = [state.facts[node] for node in sorted(found, key=lambda node: -likeness[node])]
        return ranked if self.judge == "model" else ranked[: self.k]

    def _judged(self, facts: Sequence[Fact], front: Sequence[int], question: str, lm: LM) -> list[int]:
        asked = [ask(JUDGE.format(question=question, node=facts[node].text), max_tokens=4) for node in front]
        return [node for node, reply in zip(front, lm.generate(asked), strict=True) if re.match(r"\W*yes\b", reply.text, re.IGNORECASE)]

    def _grown(self, records: History, known: Sequence[Fact], new: Sequence[Record], lm: LM | None) -> State:
        """The tree of what is known and what is new; its facts come first, then the topics, level by level."""
        read: dict[str, list[Fact]] = {}
        for fact in extract.by_model(new, lm).facts if lm is not None else ():
            read.setdefault(fact.sources[0], []).append(fact)
        heard = [fact for record in new for fact in read.get(record.id) or notes(record)]
        leaves = current(remember(known, heard))[-self.newest :]
        parents = tree(_leaf_points(leaves, records), self.top, self.fan)
        below = [[leaves[leaf] for leaf in one] for one in under(parents, len(leaves))][len(leaves) :]
        names = [_recurring(own) for own in below]
        if lm is not None and below:
            shown = ("\n".join(f"- {fact.text}" for fact in own[:NAMED_BY]) for own in below)
            written = outlines.written(lm, [ask(NAME.format(notes=text), max_tokens=self.name_tokens) for text in shown])
            names = [name or counted for name, counted in zip(written, names, strict=True)]
        topics = [_topic(name, own) for name, own in zip(names, below, strict=True)]
        return State(records=records, facts=(*leaves, *topics), arrays={"parents": np.array(parents, np.int64)})


def _topic(name: str, below: Sequence[Fact]) -> Fact:
    sources = dict.fromkeys(source for fact in below for source in fact.sources)
    return Fact(name, tuple(sources), min(fact.since for fact in below), kind=TOPIC)


def _recurring(below: Sequence[Fact]) -> str:
    """The words that most facts below a topic have, or the first fact where they have none."""
    counted = Counter(word for fact in below for word in dict.fromkeys(content(fact.text)))
    return ", ".join(word for word, count in counted.most_common(NAMED_WITH) if count > 1) or below[0].text


def _points(state: State) -> Floats:
    """(nodes, width): leaves, and topics as the means of the leaves below."""
    leaves = _leaf_points([fact for fact in state.facts if fact.kind != TOPIC], state.records)
    if not len(leaves):
        return leaves
    below = under(state.arrays["parents"].tolist(), len(leaves))
    return unit(np.stack([leaves[own].mean(axis=0) for own in below]))


def _leaf_points(leaves: Sequence[Fact], records: History) -> Floats:
    """(leaves, width): the words of each, with those of the question it answered; rare ones count more."""
    asked = {record.id: clip(about(record.prompt), GIST_WORDS) for record in records}
    vectors = embed([" ".join(content(f"{asked.get(leaf.sources[-1], '')} {leaf.text}")) for leaf in leaves])
    return unit(vectors * rarity(vectors))


def _asked(question: str, points: Floats) -> Floats:
    made: Floats = embed([" ".join(content(about(question)))])[0] if len(points) else np.zeros(points.shape[1], np.float32)
    return made
