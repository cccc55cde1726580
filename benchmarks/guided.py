"""Guided decoding: requests with companions in step, beside plain decoding and transformers' guidance_scale.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/guided.py [--quick] [--models tiny random]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. Ours is `LocalLM.generate`, from messages
to text; transformers is given token ids and keeps its own, and can only contrast with one companion. Greedy tokens are compared
before anything is timed.
"""

from __future__ import annotations

import argparse
from typing import Any

import torch
from decode import agree, generated, own
from people import model, question
from rounds import Way, interleaved, ratio, show, tell

from idiolect.models.local import LocalLM
from idiolect.types import Guide, Request

PROMPT, NEW, STRENGTH = 32, 64, 0.5


def guided(lm: LocalLM, seed: int, companions: int) -> Request:
    """A request that is contrasted with `companions` others, whose prompts are as long as its own."""
    others = tuple(question(lm, 1000 + 10 * seed + i, PROMPT) for i in range(companions))
    weights = (1 + STRENGTH, *[-STRENGTH / companions] * companions)
    return question(lm, seed, PROMPT, max_tokens=NEW).bent(guide=Guide(others, weights))


def tokens(lm: LocalLM, requests: list[Request]) -> torch.Tensor:
    """(requests, tokens): their prompts."""
    return torch.tensor([lm.encode(request).ids for request in requests])


def measure(name: str, count: int, rounds: int) -> None:
    """One table: `count` requests at once."""
    lm = model(name)
    plain = [question(lm, seed, PROMPT, max_tokens=NEW) for seed in range(count)]
    two, three = ([guided(lm, seed, companions) for seed in range(count)] for companions in (1, 2))
    ids, against = tokens(lm, plain), tokens(lm, [request.guide.companions[0] for request in two if request.guide])

    def theirs() -> Any:
        return generated(lm.model, ids, NEW, guidance_scale=1 + STRENGTH, negative_prompt_ids=against)

    tell(f"\n{lm.name}, {count} request{'s' if count > 1 else ''}, {NEW} new tokens from {PROMPT}")
    agree("transformers' guidance_scale", own(lm, two), theirs())
    ways: dict[str, Way] = {
        "plain": lambda: lm.generate(plain),
        "guided by one companion": lambda: lm.generate(two),
        "guided by two companions": lambda: lm.generate(three),
        "transformers' guidance_scale, batched": theirs,
    }
    seconds = interleaved(ways, rounds)
    show("answers' tokens a CPU second", seconds, dict.fromkeys(ways, float(NEW * count)), "tokens/s", "guided by one companion")
    for way in ("guided by one companion", "guided by two companions"):
        tell(f"  {way} / plain: {ratio(seconds, way, 'plain'):.2f}")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="2 rounds")
    parser.add_argument("--models", nargs="+", default=["tiny", "random"])
    parser.add_argument("--requests", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        for count in given.requests:
            measure(name, count, 2 if given.quick else given.rounds)


if __name__ == "__main__":
    main()
