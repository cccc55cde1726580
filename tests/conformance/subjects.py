"""What the battery runs: methods with small settings, and one of them with a model and what it learnt from everybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np

from idiolect import catalogue
from idiolect.method import Chain, Method
from idiolect.models.lm import LM
from idiolect.models.local import LocalLM
from idiolect.models.scripted import ScriptedLM
from idiolect.store.states import dump, load
from idiolect.types import Record, Reply, Request, State, User
from tests.conformance.people import EVERYBODY
from tests.tiny_models import Watched

TRAINING = {"epochs": 2, "newest": 4, "shared_pairs": 6}  # several steps: after a single one, Adam's move hides how long the gradient was
RANKING = {"newest": 2, "candidates": 2, "answer_tokens": 4, "steps": 4}
AIMING = {"asked": 4, "newest": 2, "drawn": 3, "answer_tokens": 4, "rank": 2}  # methods with objectives
CLIMBING = {"steps": 2, "questions": 2, "group": 2}  # by policy gradient
SMALL: dict[str, dict[str, Any]] = {  # keywords that make a row cheap on a tiny model; a row that is not here runs as it comes
    "lamp": {"task": "LaMP-5"},  # without a task it is RAG
    "pag": {"newest": 3, "summary_tokens": 6},
    "ropg_kd": {**RANKING, "rank": 2},
    "ropg_rl": {**RANKING, "rank": 2},
    "rspg": {**RANKING, "rank": 2},
    "cfrag": {**RANKING, "rank": 2, "least": 2, "neighbours": 2, "width": 4},
    "unims_rag": RANKING,
    "gpg": {"newest": 3, "digest_tokens": 4, "profile_tokens": 6},
    "step_back": {"sampled": 3, "noted": 2, "gist_tokens": 6, "note_tokens": 4},
    "cue_cot": {"k": 2, "cue_tokens": 4},
    "fermi": {"rounds": 1, "drafts": 1, "questions": 2, "prompt_tokens": 6, "answer_tokens": 4},
    "persona_db": {"newest": 3, "list_tokens": 8, "least": 2},
    "matryoshka": {"drawn": 2, "judged": 2, "newest": 3, "intermediate_tokens": 6, "answer_tokens": 4},
    "sy_se_pqa": {"newest": 3, "answer_tokens": 4, "rank": 2, "steps": 10},
    "style_tot": {"samples": 3, "analysis_tokens": 4, "breadth": 2, "votes": 2},
    "neural_bandits": {"newest": 2, "answer_tokens": 4, "steps": 10},
    "puma": {"call_tokens": 4},
    "orca": {"newest": 4, "chunk": 2, "facet_tokens": 6},
    "dpg": {**TRAINING, "rank": 2, "traits": 3},
    "piors": {"rank": 2, "epochs": 2, "newest": 4, "dialogues": 6, "turn_tokens": 4},
    "vac": {"rank": 2, "epochs": 2, "newest": 4, "shared_pairs": 6, "answer_tokens": 4},
    "soft_prompt": {**TRAINING, "batch": 2, "length": 2},
    "oppu": {**TRAINING, "batch": 2, "rank": 2},
    "one4all": {**TRAINING, "rank": 2},
    "plum": {"epochs": 2, "newest": 4, "batch": 4, "rank": 2},
    "style_remix": {**TRAINING, "rank": 2, "pole_pairs": 2, "judged": 2, "rounds": 1},
    "p_tailor": {**TRAINING, "rank": 2, "experts": 3},
    "lora_xs": {**TRAINING, "batch": 2, "rank": 2, "task_rank": 2},
    "ia3": {**TRAINING, "batch": 2, "task_rank": 2},
    "houlsby": {**TRAINING, "batch": 2, "size": 2, "task_rank": 2},
    "per_pcs": {**TRAINING, "rank": 2, "least": 3},
    "plora": {"epochs": 2, "own_epochs": 2, "newest": 4, "shared_pairs": 6, "batch": 2, "rank": 2, "size": 4},
    "fdlora": {"epochs": 2, "newest": 4, "batch": 2, "rank": 2, "rounds": 2, "searches": 1},
    "proper": {**TRAINING, "batch": 2, "rank": 2, "groups": 2, "expert_rank": 1, "own_rank": 2},
    "pplug": {**TRAINING, "hidden": 8, "items": 4},
    "persoma": {**TRAINING, "inner": 8, "items": 4, "length": 2},
    "uem": {**TRAINING, "inner": 8, "items": 4},
    "profile_to_adapter": {**TRAINING, "rank": 2, "traits": 3, "items": 4},
    "ric": {"epochs": 2, "newest": 4, "rank": 2, "questions": 6, "drawn": 2, "answer_tokens": 4, "rounds": 1},
    "dpa": {"epochs": 2, "newest": 4, "rank": 2, "questions": 4, "drawn": 2, "answer_tokens": 4, "rounds": 2},
    "cpo": {"epochs": 2, "newest": 4, "rank": 2, "questions": 4, "drawn": 2, "answer_tokens": 4, "pairs": 8},
    "janus": {**TRAINING, "rank": 2},
    "opl": {"newest": 2, "shared_plays": 4, "answer_tokens": 4},
    "mrpo": {**TRAINING, "batch": 2, "rank": 2, "answer_tokens": 4},
    "bapo": {"epochs": 2, "newest": 4, "batch": 2, "rank": 2, "answer_tokens": 4},
    "p_rlhf": {**TRAINING, "own_epochs": 2, "batch": 2, "rank": 2, "length": 2, "answer_tokens": 4},
    "modpo": {**TRAINING, "rank": 2, "answer_tokens": 4},
    "compo": {**TRAINING, "rank": 2, "communities": 2, "answer_tokens": 4},
    "aloe": {**TRAINING, "rank": 2, "shown": 2, "answer_tokens": 4},
    "pad": {**TRAINING, "rank": 2, "drawn": 2, "asked": 3, "answer_tokens": 4},
    "mca": {"drawn": 2, "asked": 3, "answer_tokens": 6},
    "mope": {"epochs": 2, "newest": 4, "rank": 2, "drawn": 2, "asked": 3, "answer_tokens": 4, "steps": 5},
    "modular_pluralism": {"epochs": 2, "newest": 4, "rank": 2, "message_tokens": 4, "community_pairs": 6, "count": 2},
    "carm": {"newest": 2, "drawn": 1, "answer_tokens": 4},
    "more": {"newest": 2, "drawn": 1, "answer_tokens": 4, "sets": 2, "hidden": 4, "steps": 10},
    "vpl": {"newest": 2, "drawn": 1, "answer_tokens": 4, "size": 4, "hidden": 8, "steps": 5},
    "maxmin_rlhf": {"newest": 2, "drawn": 1, "answer_tokens": 4},
    "perse": {"drawn": 1, "score_tokens": 4},
    "cope": {**TRAINING, "batch": 2, "rank": 2, "drafts": 2, "draft_tokens": 4},
    "rewarded_soups": {**AIMING, "epochs": 2},
    "mod": {**AIMING, "epochs": 2},
    "personalized_soups": {**AIMING, **CLIMBING, "rounds": 1},
    "panacea": {**AIMING, "steps": 3, "questions": 2, "vectors": 2},
    "clp": {**AIMING, **CLIMBING},
    "morlhf": {**AIMING, **CLIMBING, "between": 2},
    "dmrw": {**AIMING, **CLIMBING, "rounds": 1},
    "bipo": {"newest": 4, "answer_tokens": 4, "epochs": 2, "batch": 2},
    "pas": {"newest": 6, "answer_tokens": 4, "alphas": (1.0, 2.0)},  # without 0, so that it always steers
    "npti": {"newest": 4, "answer_tokens": 4, "share": 0.05, "gammas": (0.6, 1.4)},
    "hydra": {"newest": 2, "pool": 2, "drawn": 1, "answer_tokens": 4},
    "style_vector": {"newest": 4, "answer_tokens": 4, "strengths": (1.0, 2.0)},  # without 0, so that it always steers
    "best_of": {"drawn": 2},
    "cache_lm": {"newest": 4},
}
RTOL = ATOL = 1e-4  # what arrays may differ by where the order of additions differs


@dataclass(frozen=True)
class Subject:
    """What makes a method, the keywords it is run with, and its level in the catalogue."""

    name: str
    method: Callable[..., Method]
    level: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    def new(self) -> Method:
        return self.method(**self.settings)


def catalogued() -> list[Subject]:
    """Every row of the catalogue."""
    return [Subject(row.name, type(catalogue.load(row.name)), row.level, SMALL.get(row.name, {})) for row in catalogue.ROWS]


def chained() -> list[Subject]:
    """Chains of several levels: each is a method too."""
    pairs = {"profile and examples": ("stats_profile", "rag"), "text and weights": ("pag", "soft_prompt", "oppu")}
    return [Subject(name, partial(_chain, links), "input" if "oppu" not in links else "model") for name, links in pairs.items()]


def variants() -> list[Subject]:
    """Methods whose other settings take another way through the code."""
    ways: dict[str, dict[str, Any]] = {
        **{name: {"writer": "counted"} for name in ("gpg", "step_back", "fermi", "persona_db", "matryoshka")},
        "cue_cot": {"steps": "one"},
        "sy_se_pqa": {"source": "own"},
        "personal_sum": {"signals": ("topics", "plot", "structure")},
        "long_term": {"half_life": 3.0, "most": 5},
        "janus": {"drawn": 2},
        "cos": {"contexts": "each"},
        "npti": {"keep": 0.9},
        "p_rlhf": {"clusters": 2},
        "compo": {"communities": ("law", "sport")},
        "rewarded_soups": {"merge": "factors"},
        "panacea": {"aggregation": "tchebycheff"},
        "dmrw": {"strict": True},
        "mope": {"rounds": 0},
        "modular_pluralism": {"mode": "distributional"},
    }
    made = [
        Subject(f"{name} otherwise", type(catalogue.load(name)), catalogue.row(name).level, {**SMALL.get(name, {}), **way})
        for name, way in ways.items()
    ]
    trained = {**SMALL["matryoshka"], "trained": True, "rank": 2}
    return [*made, Subject("matryoshka trained", type(catalogue.load("matryoshka")), "objective", trained)]


def _chain(links: Sequence[str]) -> Chain:
    return Chain(*(catalogue.load(name, **SMALL.get(name, {})) for name in links))


@dataclass(frozen=True)
class Learnt:
    """What a method learnt of some people together, kept as bytes: each instance gets a copy of its own."""

    subject: Subject
    shared: bytes

    def method(self) -> Method:
        """A fresh instance that was given what `fit` learnt, as after a restart."""
        made = self.subject.new()
        made.shared = load(self.shared)
        return made


class Trial:
    """A method and a model. `learnt` is fitted once, on everybody."""

    def __init__(self, subject: Subject, lm: LM) -> None:
        self.subject, self.lm = subject, lm

    @cached_property
    def learnt(self) -> Learnt:
        method = self.subject.new()
        method.fit(EVERYBODY, self.lm)
        return Learnt(self.subject, dump(method.shared))

    def method(self) -> Method:
        """A fresh instance that knows what `fit` learnt."""
        return self.learnt.method()

    def enrolled(self, *users: User) -> list[State]:
        """The states of `users`, learnt together by a fresh instance."""
        return self.method().enroll(users, self.lm)

    def bent(self, state: State, request: Request) -> Request | Reply:
        return self.method().personalize(state, request, self.lm)

    def narrow(self, can: Iterable[str]) -> LM:
        """The same model, which can no more than this."""
        return Watched(self.lm, can) if isinstance(self.lm, LocalLM) else ScriptedLM(can=can)

    def answer(self, bent: Request | Reply) -> Reply:
        return bent if isinstance(bent, Reply) else self.lm.generate([bent])[0]


def same_states(some: Sequence[State], others: Sequence[State]) -> bool:
    """Whether states agree: texts, numbers and records exactly, arrays and adapters within RTOL and ATOL."""
    return len(some) == len(others) and all(_same(one, other) for one, other in zip(some, others, strict=True))


def _same(one: State, other: State) -> bool:
    exact = (one.text, dict(one.numbers), one.records) == (other.text, dict(other.numbers), other.records)
    return exact and _near(arrays_of(one), arrays_of(other)) and same_states(one.parts, other.parts)


def arrays_of(state: State) -> dict[Any, np.ndarray]:
    """Every array of a state by its place."""
    made: dict[Any, np.ndarray] = dict(state.arrays)
    if state.adapter:
        made["adapter", "scale"] = np.array(state.adapter.scale)
        made |= {(path, i): factor for path, pair in state.adapter.modules.items() for i, factor in enumerate(pair)}
    return made


def _near(some: dict[Any, np.ndarray], others: dict[Any, np.ndarray]) -> bool:
    if some.keys() != others.keys():
        return False
    return all(some[k].shape == others[k].shape and np.allclose(some[k], others[k], RTOL, ATOL) for k in some)


def texts_of(state: State) -> str:
    """Everything in a state that is text."""
    own = [state.text, *(part for record in state.records for part in (record.prompt, record.answer))]
    return "\n".join([*own, *map(texts_of, state.parts)])


def earlier(user: User, record: Record) -> User:
    """The user as they were before `record`."""
    return User(user.id, user.records.before(record))
