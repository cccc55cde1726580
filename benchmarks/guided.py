"""Guided decoding: requests with companions in step, beside plain decoding, a loop for each voice, and transformers' guidance_scale.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/guided.py [--quick] [--models tiny random] [--companions 1 2 4]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. Ours is `LocalLM.generate`, from messages
to text; transformers is given token ids and keeps its own, and can only contrast with one companion. Greedy tokens are compared
before anything is timed. A loop for each voice decodes the same voices one after another, each a batch of its own: as many tokens through
the model and no voice joined, the least that contrasting them in separate passes can cost.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import torch
from decode import agree, generated, own
from people import model, question
from rounds import Way, interleaved, show, tell

from idiolect.models.local import LocalLM
from idiolect.types import Guide, Request

PROMPT, NEW, STRENGTH = 32, 64, 0.5


def guided(lm: LocalLM, seed: int, companions: int) -> Request:
    """A request that is contrasted with `companions` others, whose prompts are as long as its own."""
    others = tuple(question(lm, 1000 + 10 * seed + i, PROMPT) for i in range(companions))
    weights = (1 + STRENGTH, *[-STRENGTH / companions] * companions)
    return question(lm, seed, PROMPT, max_tokens=NEW).bent(guide=Guide(others, weights))


def voices(request: Request) -> list[Request]:
    """The request's own voice and its companions', each as a request of its own that writes as many tokens."""
    companions = request.guide.companions if request.guide else ()
    return [replace(request, guide=None), *(one.sampled(max_tokens=request.sampling.max_tokens) for one in companions)]


def tokens(lm: LocalLM, requests: list[Request]) -> torch.Tensor:
    """(requests, tokens): their prompts."""
    return torch.tensor([lm.encode(request).ids for request in requests])


def measure(name: str, count: int, rounds: int) -> None:
    """One table: `count` requests at once, plain and with one companion."""
    lm = model(name)
    plain, two = [question(lm, seed, PROMPT, max_tokens=NEW) for seed in range(count)], [guided(lm, seed, 1) for seed in range(count)]
    ids, against = tokens(lm, plain), tokens(lm, [request.guide.companions[0] for request in two if request.guide])

    def theirs() -> Any:
        return generated(lm.model, ids, NEW, guidance_scale=1 + STRENGTH, negative_prompt_ids=against)

    tell(f"\n{lm.name}, {count} request{'s' if count > 1 else ''}, {NEW} new tokens from {PROMPT}")
    agree("transformers' guidance_scale", own(lm, two), theirs())
    ways: dict[str, Way] = {
        "plain": lambda: lm.generate(plain),
        "guided by one companion": lambda: lm.generate(two),
        "transformers' guidance_scale, batched": theirs,
    }
    seconds = interleaved(ways, rounds)
    show("answers' tokens a CPU second", seconds, dict.fromkeys(ways, float(NEW * count)), "tokens/s", "guided by one companion")


def apart(name: str, count: int, companions: int, rounds: int) -> None:
    """One table: all voices of `count` requests in one pass a step, and in a loop for each voice."""
    lm = model(name)
    requests = [guided(lm, seed, companions) for seed in range(count)]
    each = [list(rows) for rows in zip(*map(voices, requests), strict=True)]
    ids = [tokens(lm, rows) for rows in each]
    tell(f"\n{lm.name}, {count} request{'s' if count > 1 else ''} with {companions} companions each")
    for rows, own_ids in zip(each[:2], ids, strict=False):
        agree("transformers' generate of a voice alone", own(lm, rows), generated(lm.model, own_ids, NEW))
    ways: dict[str, Way] = {
        "one pass for all voices": lambda: lm.generate(requests),
        "a loop for each voice": lambda: [lm.generate(rows) for rows in each],
        "transformers' generate, a loop for each voice": lambda: [generated(lm.model, rows, NEW) for rows in ids],
        "plain": lambda: lm.generate(each[0]),
    }
    seconds = interleaved(ways, rounds)
    show("answers' tokens a CPU second", seconds, dict.fromkeys(ways, float(NEW * count)), "tokens/s", "one pass for all voices")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="2 rounds")
    parser.add_argument("--models", nargs="+", default=["tiny", "random"])
    parser.add_argument("--requests", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--companions", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        for count in given.requests:
            rounds = 2 if given.quick else given.rounds
            measure(name, count, rounds)
            for companions in given.companions:
                apart(name, count, companions, rounds)


if __name__ == "__main__":
    main()
