"""Training many people's LoRA (r=8 on q and v), beside a tight PEFT loop in fp32 and in bf16, and one transformers Trainer a person.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/train.py [--quick] [--models tiny random] [--tokens 64 256 1024]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. Examples are 48 tokens asked and 16 answered,
all of a person's in every step. Ours is `sft`, from texts to adapters, "bf16" with the products of the frozen weights in bf16; PEFT is
given token ids. Each way starts from the same A; the loss of the last step is compared before anything is timed.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import torch
from people import QV, RANK, SCALE, model
from rounds import Way, interleaved, show, tell
from taught import ANSWER, CLIP, DECAY, LR, PROMPT, descend, pairs, peak, tensors, wrapped

from idiolect.models.local import LocalLM
from idiolect.training.loop import Plan, as_completed
from idiolect.training.objective import Objective
from idiolect.training.sft import lora
from idiolect.types import Request

Taught = Sequence[Sequence[tuple[Request, str]]]
PEOPLE = {64: 32, 256: 16, 1024: 8}  # tokens a person a step -> people
STEPS = {64: 16, 256: 4, 1024: 4}


def plan(taught: Taught, steps: int, precision: str) -> Plan:
    """All of a person's pairs in each of so many steps."""
    return Plan(lr=LR, epochs=steps, batch=len(taught[0]), warmup=0.0, weight_decay=DECAY, clip=CLIP, precision=precision)


def ours(lm: LocalLM, taught: Taught, steps: int, precision: str, objective: Objective | None = None) -> list[Any]:
    """Everybody's parameters, in one pass."""
    own = plan(taught, steps, precision)
    return list(as_completed(lm, taught, lora(lm, len(taught), RANK, RANK * SCALE, QV, own), own, None, objective or Objective()))


def loop(lm: LocalLM, base: Any, taught: Taught, steps: int) -> list[list[float]]:
    """PEFT, one person after another: losses step by step."""
    made = []
    for own in taught:
        with wrapped(lm, base) as theirs:
            made.append(descend(theirs, steps, _loss(theirs, *tensors(lm, own))))
    return made


def _loss(theirs: Any, ids: torch.Tensor, labels: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: theirs(input_ids=ids, labels=labels, use_cache=False).loss


def trainer(lm: LocalLM, base: Any, taught: Taught, steps: int) -> None:
    """One Trainer a person, as the field's scripts do it."""
    from transformers import Trainer, TrainingArguments

    with tempfile.TemporaryDirectory() as folder:
        quiet = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "logging_strategy": "no", "use_cpu": True}
        rates = {"learning_rate": LR, "weight_decay": DECAY, "max_grad_norm": CLIP}
        arguments = TrainingArguments(
            folder, max_steps=steps, per_device_train_batch_size=len(taught[0]), dataloader_pin_memory=False, **quiet, **rates
        )
        for own in taught:
            ids, labels = tensors(lm, own)
            rows = [{"input_ids": row, "labels": label} for row, label in zip(ids, labels, strict=True)]
            with wrapped(lm, base) as theirs:
                Trainer(model=theirs, args=arguments, train_dataset=rows).train()


class Heard(Objective):
    """The likelihood, and a list of what it was."""

    def __init__(self) -> None:
        self.totals: list[float] = []

    def loss(self, logp: torch.Tensor, reference: torch.Tensor | None, tokens: torch.Tensor) -> torch.Tensor:
        made = super().loss(logp, reference, tokens)
        self.totals.append(float(made.detach().sum()))
        return made


def agree(lm: LocalLM, bases: dict[str, Any], taught: Taught, steps: int) -> None:
    """Say how far the last loss of the first person is from that of the loop in fp32, for every way."""
    first = taught[:1]
    wanted = loop(lm, bases["fp32"], first, steps)[0][-1]
    found = {"PEFT bf16": loop(lm, bases["bf16"], first, steps)[0][-1]}
    for precision in ("fp32", "bf16"):
        heard = Heard()
        ours(lm, first, steps, precision, heard)
        passes = len(heard.totals) // steps
        found[f"ours {precision}"] = sum(heard.totals[-passes:]) / (ANSWER * len(first[0]))
    tell(
        f"  loss of step {steps}: {wanted:.6f}; away from it: "
        + ", ".join(f"{name} {value - wanted:+.6f}" for name, value in found.items())
    )
    if abs(found["ours fp32"] - wanted) > 1e-3:
        raise SystemExit("that is not the same work: nothing is timed")


def measure(name: str, tokens: int, people: int, steps: int, rounds: int) -> None:
    """One table."""
    lm = model(name)
    bases = {"fp32": copy.deepcopy(lm.model), "bf16": copy.deepcopy(lm.model).to(torch.bfloat16)}
    taught = [pairs(lm, person, tokens // (PROMPT + ANSWER)) for person in range(people)]
    tell(f"\n{lm.name}, {people} people, {tokens} tokens a person a step, {steps} steps")
    agree(lm, bases, taught, steps)
    ways: dict[str, Way] = {
        "ours, bf16 products": lambda: ours(lm, taught, steps, "bf16"),
        "ours, fp32": lambda: ours(lm, taught, steps, "fp32"),
        "PEFT loop, fp32": lambda: loop(lm, bases["fp32"], taught, steps),
        "PEFT loop, bf16": lambda: loop(lm, bases["bf16"], taught, steps),
        "one Trainer a person, fp32": lambda: trainer(lm, bases["fp32"], taught[: max(1, people // 8)], steps),
    }
    work = dict.fromkeys(ways, float(people)) | {"one Trainer a person, fp32": float(max(1, people // 8))}
    tell("  MB at the peak: " + ", ".join(f"{way} {peak(ways[way]):.0f}" for way in list(ways)[:4]))
    seconds = interleaved(ways, rounds)
    for against in ("ours, bf16 products", "ours, fp32"):
        show("people, per 1000 CPU seconds", seconds, {way: 1000 * done for way, done in work.items()}, "people", against)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="8 or 4 people, 2 steps, 1 round: to see that it works")
    parser.add_argument("--models", nargs="+", default=["tiny", "random"])
    parser.add_argument("--tokens", nargs="+", type=int, default=list(PEOPLE), choices=list(PEOPLE))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        for tokens in given.tokens:
            if given.quick:
                measure(name, tokens, 8 if tokens == 64 else 4, 2, 1)
            else:
                measure(name, tokens, PEOPLE[tokens], STEPS[tokens], given.rounds)


if __name__ == "__main__":
    main()
