"""DPO of many people's LoRA (r=8 on q and v), beside a plain PEFT loop and TRL's DPOTrainer, one person after another.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/dpo.py [--quick] [--models tiny random]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. A prompt of 48 tokens and two answers of 16; all
of a person's pairs in every step. Ours is `prefer`'s pass, from texts; "bf16" takes the products of the frozen weights in bf16. The PEFT
loop is given token ids and takes its reference with the adapter off in every step. Losses are compared before anything is timed. Where
TRL is not installed (`pip install trl`), that is said and it is left out.
"""

from __future__ import annotations

import argparse
import copy
import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import torch
from people import QV, RANK, SCALE, model
from rounds import Way, interleaved, show, tell
from taught import ANSWER, CLIP, DECAY, LR, PROMPT, answer, descend, pairs, wrapped
from torch.nn.functional import logsigmoid

from idiolect.models.local import LocalLM
from idiolect.training.loop import Plan, as_completed
from idiolect.training.objective import Example
from idiolect.training.preference import DPO, Preference
from idiolect.training.sft import lora

BETA = 0.1
Taught = Sequence[Sequence[Preference]]


class Heard(DPO):
    """DPO, and a list of what it was."""

    totals: list[float]

    def losses(self, examples: Sequence[Example], logp: torch.Tensor) -> torch.Tensor:
        made = super().losses(examples, logp)
        self.totals.append(float(made.detach().sum()))
        return made


def preferences(lm: LocalLM, person: int, count: int) -> list[Preference]:
    """A person's pairs of answers to as many questions."""
    others = [answer(lm, 10**6 + 1000 * person + i, ANSWER) for i in range(count)]
    return [(request, chosen, rejected) for (request, chosen), rejected in zip(pairs(lm, person, count), others, strict=True)]


def ours(lm: LocalLM, taught: Taught, steps: int, precision: str, objective: DPO | None = None) -> list[Any]:
    """Everybody's parameters, in one pass."""
    plan = Plan(lr=LR, epochs=steps, batch=len(taught[0]), warmup=0.0, weight_decay=DECAY, clip=CLIP, precision=precision)
    learner = lora(lm, len(taught), RANK, RANK * SCALE, QV, plan)
    return list(as_completed(lm, taught, learner, plan, None, objective or DPO(BETA)))


def logp(theirs: Any, ids: torch.Tensor) -> torch.Tensor:
    """(rows,) of the answers, from whole logits, as plain loops take them."""
    logits = theirs(input_ids=ids, use_cache=False).logits[:, :-1].float().log_softmax(-1)
    return logits.gather(-1, ids[:, 1:, None])[:, -ANSWER:, 0].sum(dim=1)


def person_loss(theirs: Any, ids: torch.Tensor) -> Callable[[], torch.Tensor]:
    """The chosen answers' rows first, then the rejected; the reference with the adapter off, in every step."""

    def loss() -> torch.Tensor:
        with torch.no_grad(), theirs.disable_adapter():
            before = logp(theirs, ids)
        chosen, rejected = (logp(theirs, ids) - before).chunk(2)
        made: torch.Tensor = -logsigmoid(BETA * (chosen - rejected)).mean()
        return made

    return loss


def tokens(lm: LocalLM, own: Sequence[Preference]) -> torch.Tensor:
    """(2 pairs, tokens)."""
    chosen, rejected = ([lm.encode(one[0], one[place], end=True).ids for one in own] for place in (1, 2))
    return torch.tensor([*chosen, *rejected])


def loop(lm: LocalLM, base: Any, taught: Taught, steps: int) -> list[list[float]]:
    """PEFT, one person after another: losses step by step."""
    made = []
    for own in taught:
        with wrapped(lm, base) as theirs:
            made.append(descend(theirs, steps, person_loss(theirs, tokens(lm, own))))
    return made


def trl(lm: LocalLM, base: Any, taught: Taught, steps: int) -> list[float]:
    """One DPOTrainer a person; the last loss each one logs."""
    from datasets import Dataset
    from peft import LoraConfig
    from trl import DPOConfig, DPOTrainer

    made = []
    for own in taught:
        rows = [{"prompt": asked, "chosen": chosen, "rejected": rejected} for asked, chosen, rejected in _texts(lm, own)]
        with tempfile.TemporaryDirectory() as folder:
            quiet = {"report_to": [], "disable_tqdm": True, "save_strategy": "no", "logging_steps": 1, "use_cpu": True, "bf16": False}
            rates = {"learning_rate": LR, "weight_decay": DECAY, "max_grad_norm": CLIP, "beta": BETA, "max_steps": steps}
            fair = {"gradient_checkpointing": False, "per_device_train_batch_size": len(own), "dataloader_pin_memory": False}
            config = LoraConfig(r=RANK, lora_alpha=RANK * SCALE, target_modules=list(QV), lora_dropout=0.0, task_type="CAUSAL_LM")
            trainer = DPOTrainer(
                model=copy.deepcopy(base),
                args=DPOConfig(folder, **quiet, **rates, **fair),
                train_dataset=Dataset.from_list(rows),
                processing_class=lm.tokenizer,
                peft_config=config,
            )
            trainer.train()
            made.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry][-1])
    return made


def _texts(lm: LocalLM, own: Sequence[Preference]) -> list[tuple[str, str, str]]:
    prompts = [lm.tokenizer.decode(lm.encode(request).ids) for request, _, _ in own]
    return [(prompt, chosen, rejected) for prompt, (_, chosen, rejected) in zip(prompts, own, strict=True)]


def agree(lm: LocalLM, base: Any, taught: Taught, steps: int) -> None:
    """Say how far the first person's last loss is from the loop's."""
    wanted, found = loop(lm, base, taught[:1], steps)[0], {}
    for precision in ("fp32", "bf16"):
        heard = Heard(BETA)
        object.__setattr__(heard, "totals", [])  # DPO is a value and does not change; what it heard does
        ours(lm, taught[:1], steps, precision, heard)
        passes = len(heard.totals) // steps
        found[f"ours {precision}"] = sum(heard.totals[-passes:]) / len(taught[0])
    told = ", ".join(f"{name} {value - wanted[-1]:+.6f}" for name, value in found.items())
    tell(f"  loss {wanted[0]:.6f} at the start, {wanted[-1]:.6f} in step {steps}; away from that: {told}")
    if abs(found["ours fp32"] - wanted[-1]) > 1e-3:
        raise SystemExit("that is not the same work: nothing is timed")


def measure(name: str, people: int, count: int, steps: int, rounds: int) -> None:
    """One table."""
    lm = model(name)
    base, taught = copy.deepcopy(lm.model), [preferences(lm, person, count) for person in range(people)]
    tell(f"\n{lm.name}, {people} people, {count} pairs a step, {steps} steps, prompts of {PROMPT} and answers of {ANSWER} tokens")
    agree(lm, base, taught, steps)
    few = max(1, people // 8)
    ways: dict[str, Way] = {
        "ours, bf16 products": lambda: ours(lm, taught, steps, "bf16"),
        "ours, fp32": lambda: ours(lm, taught, steps, "fp32"),
        "PEFT loop, fp32": lambda: loop(lm, base, taught[: max(1, people // 2)], steps),
    }
    work = {"ours, bf16 products": float(people), "ours, fp32": float(people), "PEFT loop, fp32": float(max(1, people // 2))}
    if importlib.util.find_spec("trl"):
        ways["TRL DPOTrainer, fp32"], work["TRL DPOTrainer, fp32"] = lambda: trl(lm, base, taught[:few], steps), float(few)
        last = trl(lm, base, taught[:1], steps)[0]
        tell(f"  TRL's last loss (another start of A, its own tokens): {last:.6f}")
    else:
        tell("  TRL is not installed: left out")
    seconds = interleaved(ways, rounds)
    for against in ("ours, bf16 products", "ours, fp32"):
        show("people, per 1000 CPU seconds", seconds, {way: 1000 * done for way, done in work.items()}, "people", against)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="2 people, 8 pairs, 2 steps, 1 round: to see that it works")
    parser.add_argument("--models", nargs="+", default=["tiny", "random"])
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in given.models:
        if given.quick:
            measure(name, 2, 8, 2, 1)
        else:
            measure(name, 8, 16, 4, given.rounds)


if __name__ == "__main__":
    main()
