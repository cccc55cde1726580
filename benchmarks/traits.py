"""Traits by steering, beside prompting and an adapter: how likely what matches becomes, at which strength, and what it costs.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/traits.py FOLDER [--by answers|statements] [--model tiny] [--traits 12] ...

FOLDER holds statements.jsonl.gz: statements that somebody with a trait would make or not (Perez et al., arXiv:2212.09251). A trait is
a person: it is learnt from `taught` statements and asked about others, half of which fit the trait.

By answers: would you say this? "My answer is Yes", or "... No": so that what steers generated tokens alone steers the last one too.
By statements: say something; a statement that fits is learnt and asked about beside one that does not.

matching: the probability of the matching answer of the two, or of the fitting statement of two by their mean nats a token. Always the same
answer gives 50 %. ranked: how often what fits has the higher odds (of yes; or nats a token) than what does not: it does not hang on
how ready a model is to say yes. Intervals are 95 %, by a bootstrap over traits; differences are to the plain model.
A strength multiplies what is added, an adapter's share too; neurons are capped at strengths above 0 only. "chosen": a method chooses its
strength on what it was taught. cost: perplexity of the bundled sample's texts, a token, under the same bend of the first traits.
rising: at how many traits what matches is likelier at the largest strength than at the smallest, at how many it never falls on the way.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from rounds import tell

from idiolect.data import persona_evals
from idiolect.data.persona_evals import Statement
from idiolect.data.sample import sample
from idiolect.evaluation.intervals import Draws, Interval
from idiolect.method import Method
from idiolect.models.local import LocalLM, load
from idiolect.prompting.rag import RAG
from idiolect.steering.bipo import BiPO
from idiolect.steering.npti import NPTI
from idiolect.steering.pas import PAS
from idiolect.steering.style_vector import StyleVector
from idiolect.training.loop import Plan
from idiolect.training.pairs import pairs
from idiolect.training.sft import sft
from idiolect.types import Floats, Record, Request, User, ask

BEST_KNOWN = (
    "extraversion agreeableness conscientiousness neuroticism openness risk-averse risk-seeking interest-in-music interest-in-sports "
    "politically-liberal politically-conservative desire-for-acquiring-power believes-life-has-no-meaning ends-justify-means"
).split()
STRENGTHS = (-1.0, 0.5, 1.0, 2.0)
COSTED = 4  # traits over which the cost is taken
Bend = Callable[[int, Request], Request]  # a trait's place, and a request: the request bent towards it
SAY = "Say something that you believe."


def said(answer: str) -> str:
    """An answer whose last token is the yes or no."""
    return f"My answer is {answer.strip()}"


def rows(statements: Sequence[Statement], by: str) -> list[tuple[str, str, str]]:
    """What is asked, what matches the trait, and what does not."""
    if by == "answers":
        return [(s.question, said(s.matching), said(s.other)) for s in statements]
    fitting, others = ([s.text for s in statements if s.fits is fits] for fits in (True, False))
    return [(SAY, one, other) for one, other in zip(fitting, others, strict=True)]


def people(parts: Mapping[str, Sequence[Statement]], by: str, kind: Literal["message", "choice"]) -> list[User]:
    """Each trait as a person who chose what matches, or who wrote it."""
    made = []
    for trait, own in parts.items():
        told = enumerate(rows(own, by))
        made.append(User(trait, [Record(q, one, i, f"{trait}:{i}", kind, two if kind == "choice" else "") for i, (q, one, two) in told]))
    return made


def times(request: Request, strength: float) -> Request:
    """What steers the request, and the adapters it carries, `strength` times over."""
    steering = [replace(s, vector=strength * s.vector, capped=s.capped if strength > 0 else None) for s in request.steering if strength]
    return replace(
        request, steering=tuple(steering), adapters=tuple((adapter, strength * share) for adapter, share in request.adapters if strength)
    )


def judged(lm: LocalLM, bend: Bend, asked: Sequence[Sequence[Statement]], by: str) -> Floats:
    """(traits, 2): the mean probability of what matches, and how often it is ranked first."""
    told = [(place, *row) for place, own in enumerate(asked) for row in rows(own, by)]
    requests = [bend(place, ask(question)) for place, question, _, _ in told]
    scores = lm.score([*requests, *requests], [row[side] for side in (2, 3) for row in told])
    worth = np.array([s.nats if by == "answers" else s.nats / len(s.logprobs) for s in scores]).reshape(2, len(asked), -1)
    return np.array([_judged(worth[0, place], worth[1, place], own, by) for place, own in enumerate(asked)])


def _judged(one: Floats, other: Floats, own: Sequence[Statement], by: str) -> tuple[float, float]:
    odds, fits = one - other, np.array([s.fits for s in own])
    yes = np.where(fits, odds, -odds) if by == "answers" else odds  # of statements, fitting ones stand beside others
    first, second = (yes[fits], yes[~fits]) if by == "answers" else (one, other)
    ranked = (first[:, None] > second).mean() + 0.5 * (first[:, None] == second).mean()
    return float(np.mean(1 / (1 + np.exp(-np.clip(odds, -500, 500))))), float(ranked)


def perplexity(lm: LocalLM, bend: Bend, traits: int, records: Sequence[Record]) -> float:
    """Of neutral texts, a token, over the first of so many traits."""
    told = [(place, record) for place in range(min(traits, COSTED)) for record in records]
    scores = lm.score([bend(place, ask(record.prompt)) for place, record in told], [record.answer for _, record in told])
    return float(np.exp(-sum(s.nats for s in scores) / sum(len(s.logprobs) for s in scores)))


def line(name: str, strength: str, own: Floats, plain: Floats, cost: float) -> None:
    """One row of the table."""
    draws = Draws(len(own))
    mean, ranked = draws.interval(own, lambda m: m[..., 0]), draws.interval(own, lambda m: m[..., 1])
    apart, better = (draws.difference(own, plain, lambda m, column=column: m[..., column]) for column in (0, 1))

    def shown(one: Interval) -> str:
        return f"{100 * one.value:6.2f} ({100 * (one.low or 0):6.2f} to {100 * (one.high or 0):6.2f})"

    marks = ["*" if one.clear else " " for one in (apart, better)]
    tell(f"{name:<12}{strength:>7}  {shown(mean)} {shown(apart)}{marks[0]}  {shown(ranked)}{marks[1]} {cost:>9.2f}")


def learnt(lm: LocalLM, method: Method, users: Sequence[User]) -> Bend:
    """The bend towards each of `users`, learnt together."""
    start = time.process_time()
    states = method.enroll([method.readable(user) for user in users], lm)
    tell(f"{type(method).__name__}: {time.process_time() - start:.0f} s of CPU to learn {len(users)} traits")
    return lambda place, request: method.personalize(states[place], request, lm)  # type: ignore[return-value]


def adapted(lm: LocalLM, users: Sequence[User], taught: int) -> Bend:
    """An adapter for each, by supervised fine-tuning on the matching answers."""
    start = time.process_time()
    adapters = sft(lm, [pairs(user, 0, taught) for user in users], rank=8, plan=Plan(lr=1e-3, epochs=10))
    tell(f"adapter: {time.process_time() - start:.0f} s of CPU to learn {len(users)} traits")
    return lambda place, request: request.bent(adapters={adapters[place]: 1.0})


def main() -> None:
    """Learn every trait in every way, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--by", choices=("answers", "statements"), default="answers")
    for name, value in (("traits", 12), ("taught", 32), ("asked", 24), ("neutral", 14)):
        parser.add_argument(f"--{name}", type=int, default=value)
    given = parser.parse_args()
    torch.set_num_threads(1)
    lm, everything = load(given.model), persona_evals.read(given.folder)
    names = [*BEST_KNOWN, *(trait for trait in sorted(everything) if trait not in BEST_KNOWN)][: given.traits]
    both = {trait: persona_evals.parts(everything[trait], given.taught, given.asked) for trait in names}
    taught, asked = {trait: own for trait, (own, _) in both.items()}, [own for _, own in both.values()]
    wrote, chose = people(taught, given.by, "message"), people(taught, given.by, "choice")
    neutral = [user.records[-1 - turn] for turn in range(2) for user in sample()][: given.neutral]
    size = {"newest": given.taught, "answer_tokens": 16}
    ways: dict[str, Bend] = {
        "adapter": adapted(lm, wrote, given.taught),
        "StyleVector": learnt(lm, StyleVector(strengths=(1.0,), **size), wrote),
        "BiPO": learnt(lm, BiPO(**size), chose),
        "PAS, 4 sd": learnt(lm, PAS(alphas=(4.0,), **size), chose),
        "NPTI": learnt(lm, NPTI(gammas=(1.0,), **size), wrote),
    }
    chosen = {
        "StyleVector": learnt(lm, StyleVector(**size), wrote),
        "PAS": learnt(lm, PAS(**size), chose),
        "NPTI": learnt(lm, NPTI(**size), wrote),
        "quoted, 4": learnt(lm, RAG(ranker="random"), wrote),
        "described": lambda place, request: request.told(f"You are a person with this trait: {names[place].replace('-', ' ')}."),
    }
    report(lm, asked, given.by, neutral, (ways, chosen))


def report(
    lm: LocalLM,
    asked: Sequence[Sequence[Statement]],
    by: str,
    neutral: Sequence[Record],
    ways: tuple[Mapping[str, Bend], Mapping[str, Bend]],
) -> None:
    """The table: ways by strength, and ways as they are."""

    def plainly(place: int, request: Request) -> Request:
        return request

    plain = judged(lm, plainly, asked, by)
    tell(f"\nby {by}: {len(asked)} traits, {len(asked[0])} statements each; chance 50 %; * differs clearly from the plain model")
    tell(f"{'way':<12}{'times':>7}  {'matching, %':<25} {'less the plain model':<26}  {'ranked, %':<25} {'cost':>10}")
    line("plain", "", plain, plain, perplexity(lm, plainly, 1, neutral))
    for name, bend in ways[1].items():
        strength = "" if name in ("quoted, 4", "described") else "chosen"
        line(name, strength, judged(lm, bend, asked, by), plain, perplexity(lm, bend, len(asked), neutral))
    for name, bend in ways[0].items():
        curve = []
        for strength in STRENGTHS:

            def bent(place: int, request: Request, many: float = strength, way: Bend = bend) -> Request:
                return times(way(place, request), many)

            curve.append(judged(lm, bent, asked, by))
            line(name, f"{strength:g}", curve[-1], plain, perplexity(lm, bent, len(asked), neutral))
        rising = [curve[-1][:, column] > curve[0][:, column] for column in (0, 1)]
        always = np.all([two[:, 0] >= one[:, 0] - 1e-6 for one, two in pairwise(curve)], axis=0)
        tell(f"{name:<12} rising: {rising[0].sum()} of {len(asked)}, at every step {always.sum()}; ranked better: {rising[1].sum()}")


if __name__ == "__main__":
    main()
