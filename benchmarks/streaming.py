"""Many people streaming at once, each with their own LoRA: beside the same requests one after another, and transformers' own batching.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/streaming.py [--quick] [--models tiny random] [--targets "q,v" "all linear"]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. Ours is `Continuous`, from messages to pieces of
text that one event loop hears; transformers is given token ids and keeps its own, without adapters: its continuous batching with a cache
sized for this work (as it comes, it reserves most of the memory and is several times slower), and `generate` on the whole batch. The
second table has answers of unequal length in few rows: people who wait join when others leave. The last lines say what those who stream
notice when somebody with a prompt of hundreds of tokens joins them. Texts and tokens are compared first.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time

import numpy as np
import torch
from decode import agree, generated, own
from people import TARGETS, adapter, model, question
from rounds import Way, interleaved, show, tell
from transformers import ContinuousBatchingConfig, GenerationConfig

from idiolect.models.continuous import Continuous
from idiolect.models.local import LocalLM
from idiolect.types import Request

PROMPT, NEW = 32, 64
FEW = 16  # rows in the last table


def heard(continuous: Continuous, requests: list[Request], whole: list[float] | None = None) -> list[str]:
    """What one event loop hears when all of them come at once; `whole` gets the CPU second at which each text was whole."""

    async def one(request: Request) -> str:
        text = "".join([piece async for piece in continuous.submit(request).apieces()])
        if whole is not None:
            whole.append(time.process_time())
        return text

    async def everybody() -> list[str]:
        return list(await asyncio.gather(*map(one, requests)))

    return asyncio.run(everybody())


def in_turn(lm: LocalLM, requests: list[Request]) -> list[str]:
    """The same, one after another."""
    return ["".join(lm.stream(request)) for request in requests]


def theirs(lm: LocalLM, ids: torch.Tensor, rows: int, new: int) -> list[list[int]]:
    """Tokens of transformers' continuous batching, greedy, `rows` at a time."""
    plan = GenerationConfig(max_new_tokens=new, do_sample=False, eos_token_id=-1, pad_token_id=0)
    pages = -(-(ids.shape[1] + new) // 32)
    cache = ContinuousBatchingConfig(
        page_size=32,
        num_blocks=len(ids) * pages + 8,
        max_batch_tokens=max(64, rows * 4),
        max_requests_per_batch=rows,
        allow_block_sharing=False,
    )
    prompts = ids.tolist()
    made = lm.model.generate_batch(prompts, generation_config=plan, continuous_batching_config=cache, progress_bar=False, warmup=False)
    by_prompt = {tuple(one.prompt_ids): list(one.generated_tokens) for one in made.values()}
    return [by_prompt[tuple(prompt)] for prompt in prompts]


def texts_agree(lm: LocalLM, what: str, ours: list[str], requests: list[Request]) -> None:
    """Say how many texts are what `lm.generate` gives each alone: all, but for ties within rounding."""
    same = sum(text == lm.generate([request])[0].text for text, request in zip(ours, requests, strict=True))
    tell(f"  {what}: {same} of {len(requests)} texts are what each gets alone")
    if same < 0.9 * len(requests):
        raise SystemExit("that is not the same work: nothing is timed")


def measure(name: str, targets: str, people: int, rounds: int) -> None:
    """All tables for one model and one kind of adapter."""
    lm = model(name)
    plain = [question(lm, seed, PROMPT, max_tokens=NEW) for seed in range(people)]
    bent = [request.bent(adapters={adapter(lm, seed, TARGETS[targets]): 1.0}) for seed, request in enumerate(plain)]
    ids = torch.tensor([lm.encode(request).ids for request in plain])
    tell(f"\n{lm.name}, {sum(p.numel() for p in lm.model.parameters()) / 1e6:.1f} M parameters, LoRA r=8 on {targets}, {people} people")
    continuous = Continuous(lm, most_rows=people)
    texts_agree(lm, "own adapters", heard(continuous, bent), bent)
    agree("transformers' continuous batching, no adapters", own(lm, plain), theirs(lm, ids, people, NEW))
    ways: dict[str, Way] = {
        "streams, own adapters": lambda: heard(continuous, bent),
        "streams, no adapters": lambda: heard(continuous, plain),
        "one after another, own adapters": lambda: in_turn(lm, bent),
        "one batch nobody joins, own adapters": lambda: lm.generate(bent),
        "transformers' continuous, all rows": lambda: theirs(lm, ids, people, NEW),
        f"transformers' continuous, {FEW} rows": lambda: theirs(lm, ids, FEW, NEW),
        "transformers' generate, one batch": lambda: generated(lm.model, ids, NEW),
    }
    seconds = interleaved(ways, rounds)
    work = dict.fromkeys(ways, float(NEW * people))
    show(f"{NEW} new tokens from {PROMPT}, tokens a CPU second", seconds, work, "tokens/s", "streams, own adapters")
    continuous.close(0)
    unequal(lm, bent, rounds)
    newcomer(lm, bent)


def unequal(lm: LocalLM, requests: list[Request], rounds: int) -> None:
    """Answers of unequal length in few rows: batches that are joined, and batches that are not."""
    limits = np.random.default_rng(0).integers(NEW // 8, 2 * NEW, len(requests)).tolist()
    asked = [request.sampled(max_tokens=limit) for request, limit in zip(requests, limits, strict=True)]
    continuous = Continuous(lm, most_rows=FEW)
    texts_agree(lm, f"{min(limits)} to {max(limits)} tokens in {FEW} rows", heard(continuous, asked), asked)
    waits: dict[str, list[float]] = {"joined as rows come free": [], f"batches of {FEW}": []}
    joined, batched = waits

    def join() -> None:
        start, whole = time.process_time(), list[float]()
        heard(continuous, asked, whole)
        waits[joined].append(statistics.mean(whole) - start)

    def batch() -> None:
        start, whole = time.process_time(), list[float]()
        for first in range(0, len(asked), FEW):
            made = lm.generate(asked[first : first + FEW])
            whole += [time.process_time()] * len(made)
        waits[batched].append(statistics.mean(whole) - start)

    ways: dict[str, Way] = {joined: join, batched: batch}
    seconds = interleaved(ways, rounds)
    show(
        f"answers of {min(limits)} to {max(limits)} tokens, {FEW} rows",
        seconds,
        dict.fromkeys(ways, float(sum(limits))),
        "tokens/s",
        joined,
    )
    for way, mean in waits.items():
        tell(f"  {way}: a person's answer is whole after {statistics.median(mean[1:]):.2f} CPU seconds on average")
    continuous.close(0)


def newcomer(lm: LocalLM, requests: list[Request]) -> None:
    """CPU time between two pieces of one person's text, and the longest while a long prompt is read: in stretches, and in one go."""
    long = requests[0].told("the fox fixes a parser of dates and times. " * 100)
    size = len(lm.encode(long, reserve=NEW).ids)
    told = max(requests[1:], key=lambda request: len(lm.generate([request])[0].text))  # some tokens of random weights are half characters
    for prefill in (512, 10**6):
        continuous = Continuous(lm, most_rows=len(requests), prefill=prefill)
        heard(continuous, requests)
        tickets, gaps, last = {request: continuous.submit(request) for request in requests[1:]}, list[float](), time.process_time()
        for number, _ in enumerate(tickets[told].pieces()):
            now = time.process_time()
            gaps, last = [*gaps, now - last], now
            if number == NEW // 4:
                tickets[long] = continuous.submit(long)
        begun = [ticket.reply() for ticket in tickets.values()]
        continuous.close(0)
        usual, longest = statistics.median(gaps) * 1000, max(gaps[NEW // 4 :]) * 1000
        tell(f"  {size} tokens join {len(begun) - 1} who stream, at most {min(prefill, size)} tokens read between two steps:")
        tell(f"    {usual:.0f} ms of CPU time between two pieces of a text, {longest:.0f} at the longest")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="16 people, 2 rounds")
    parser.add_argument("--models", nargs="+", default=["tiny", "random"])
    parser.add_argument("--targets", nargs="+", default=list(TARGETS))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        for targets in given.targets:
            measure(name, targets, 16 if given.quick else 64, 2 if given.quick else given.rounds)


if __name__ == "__main__":
    main()
