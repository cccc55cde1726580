"""On a GPU: many people's adapters trained and decoded on a random 1 B Llama, beside an eager PEFT loop, and the roofline of the device.

    python benchmarks/gpu.py [--people 64 256] [--device cuda] [--quick]

Wall-clock seconds between synchronizations, interleaved rounds. Training is LoRA r=8 on q and v with the base in bf16, decoding has
adapters on all linear layers. The roofline is what this device gives a large matrix product and a large copy, so that a share of it
can be told. Goals: training 10, 4 and 1.4 times the loop at 64, 256 and 1,024 tokens; decoding .85 of no adapters. Without a GPU it
says so and stops; `--quick --device cpu` runs the same lines on a model of 1 M parameters, to see that they work.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Mapping
from typing import Any

import torch
from people import ALL, QV, RANK, SCALE, adapter, question
from rounds import Way, tell
from taught import ANSWER, PROMPT, descend, pairs, tensors, wrapped
from train import Taught, plan
from transformers import LlamaConfig, LlamaForCausalLM

from idiolect.models.local import LocalLM, load
from idiolect.training.loop import as_completed
from idiolect.training.sft import lora

BILLION = {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8}
SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
STEPS, NEW, ASKED = 4, 64, 32


def random_lm(sizes: Mapping[str, int], device: str, dtype: torch.dtype) -> LocalLM:
    """A Llama with random weights, and the bundled tokenizer."""
    torch.manual_seed(0)
    ends = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    made = LlamaForCausalLM(LlamaConfig(**sizes, **ends, vocab_size=12_000, max_position_embeddings=2048)).to(device, dtype)
    lm = LocalLM(made, load("tiny").tokenizer, f"random {sum(p.numel() for p in made.parameters()) / 1e6:.0f} M", token_budget=1 << 17)
    lm.ends = frozenset()
    return lm


def timed(ways: Mapping[str, Way], device: str, rounds: int) -> dict[str, float]:
    """Median wall-clock seconds of each way, in turns, after a round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = _now(device)
            way()
            if number:
                seconds[name].append(_now(device) - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def _now(device: str) -> float:
    if device != "cpu":
        torch.cuda.synchronize()
    return time.perf_counter()


def loop(lm: LocalLM, base: Any, taught: Taught) -> None:
    """PEFT, eager, one person after another."""
    for own in taught:
        ids, labels = (one.to(lm.engine.device) for one in tensors(lm, own))
        with wrapped(lm, base) as theirs:
            descend(theirs, STEPS, lambda theirs=theirs, ids=ids, labels=labels: theirs(input_ids=ids, labels=labels, use_cache=False).loss)


def train(lm: LocalLM, people: int, tokens: int, device: str, rounds: int) -> None:
    """People trained together, and one after another."""
    taught = [pairs(lm, person, tokens // (PROMPT + ANSWER)) for person in range(people)]
    own = plan(taught, STEPS, "fp32")  # products in the base's own precision, which is bf16 on a GPU
    ours = lambda: list(as_completed(lm, taught, lora(lm, people, RANK, RANK * SCALE, QV, own), own))  # noqa: E731
    few, base = taught[: max(1, people // 8)], copy.deepcopy(lm.model)
    seconds = timed({"ours": ours, "loop": lambda: loop(lm, base, few)}, device, rounds)
    each, theirs = seconds["ours"] / people, seconds["loop"] / len(few)
    spent = 6 * sum(p.numel() for p in lm.model.parameters()) * tokens * STEPS / each / 1e12
    done = f"{1 / each:.2f} people/s, {theirs / each:.2f} times the PEFT loop; {spent:.1f} TFLOP/s at 6 N a token"
    tell(f"  train, {people} people, {tokens} tokens a step: {done}")


def decode(lm: LocalLM, people: int, device: str, rounds: int) -> None:
    """People answered together, each by an adapter on all linear layers, and without."""
    plain = [question(lm, seed, ASKED, max_tokens=NEW) for seed in range(people)]
    bent = [request.bent(adapters={adapter(lm, seed, ALL): 1.0}) for seed, request in enumerate(plain)]
    seconds = timed({"own": lambda: lm.generate(bent), "bare": lambda: lm.generate(plain)}, device, rounds)
    rates = {name: NEW * people / spent for name, spent in seconds.items()}
    share = rates["own"] / rates["bare"]
    tell(f"  decode, {people} people, all linear: {rates['own']:,.0f} tokens/s, {share:.2f} of the {rates['bare']:,.0f} without adapters")


def roofline(device: str, dtype: torch.dtype, size: int) -> None:
    """What the device gives one large product and one large copy."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    seconds = timed({"product": lambda: a @ b, "copy": lambda: a.clone()}, device, 5)
    moved = 2 * a.numel() * a.element_size()
    given, copied = 2 * size**3 / seconds["product"] / 1e12, moved / seconds["copy"] / 1e9
    tell(f"  roofline: {given:.1f} TFLOP/s of products, {copied:,.0f} GB/s of copies")


def main() -> None:
    """The command."""
    parser: Any = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--people", nargs="+", type=int, default=[64, 256])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a small model, 4 people, 1 round")
    given = parser.parse_args()
    if given.device != "cpu" and not torch.cuda.is_available():
        raise SystemExit("no GPU is here, so nothing was measured; see that the lines run with --quick --device cpu")
    dtype = torch.float32 if given.device == "cpu" else torch.bfloat16
    lm = random_lm(SMALL if given.quick else BILLION, given.device, dtype)
    tell(f"{lm.name} in {dtype}, {given.device if given.device == 'cpu' else torch.cuda.get_device_name()}")
    roofline(given.device, dtype, 256 if given.quick else 8192)
    for people in [4] if given.quick else given.people:
        for tokens in (64,) if given.quick else (64, 256, 1024):
            train(lm, people, tokens, given.device, 1 if given.quick else given.rounds)
        decode(lm, people, given.device, 1 if given.quick else given.rounds)


if __name__ == "__main__":
    main()
