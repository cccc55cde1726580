"""Decoding many people at once, each with their own LoRA, beside the same engine without adapters, PEFT, and transformers' generate.

    OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 python benchmarks/decode.py [--quick] [--models tiny random] [--targets "q,v" "all linear"]

CPU seconds of one thread, interleaved rounds; a ratio is the median of the rounds' own. Ours is `LocalLM.generate`, from messages
to text; PEFT and transformers are given token ids and keep theirs. Greedy tokens are compared before anything is timed.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
from pathlib import Path
from typing import Any

import torch
from people import TARGETS, adapter, model, question
from rounds import Way, interleaved, ratio, show, tell

from idiolect.models.decode import decode
from idiolect.models.local import LocalLM
from idiolect.models.peft_files import write_peft
from idiolect.types import Adapter, Request

PROMPT, NEW = 32, 64
ONE_BY_ONE = 8  # people that set_adapter is timed on: it is slow


def peft(lm: LocalLM, adapters: list[Adapter]) -> Any:
    """The same model in PEFT's hands, with every adapter loaded."""
    from peft import PeftModel

    made: Any = None
    with tempfile.TemporaryDirectory() as folder:
        for person in adapters:
            write_peft(person, Path(folder) / person.name, "")
            if made is None:
                made = PeftModel.from_pretrained(copy.deepcopy(lm.model), Path(folder) / person.name, adapter_name=person.name)
            else:
                made.load_adapter(Path(folder) / person.name, person.name)
    return made.eval()


def generated(theirs: Any, ids: torch.Tensor, new: int, **more: Any) -> list[list[int]]:
    """transformers' greedy tokens after the prompts `ids` (rows, tokens)."""
    theirs.generation_config.eos_token_id = None
    made = theirs.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False, pad_token_id=0, **more)
    return [row.tolist() for row in made[:, ids.shape[1] :]]


def own(lm: LocalLM, requests: list[Request]) -> list[list[int]]:
    """Our greedy tokens."""
    groups = [lm._group(request) for request in requests]
    for _ in decode(lm.engine, groups):
        pass
    return [group.writing.tokens for group in groups]


def one_by_one(theirs: Any, ids: torch.Tensor, adapters: list[Adapter], new: int) -> list[list[int]]:
    """What PEFT gives where each person's adapter is set before their request."""
    made = []
    for row, person in zip(ids, adapters, strict=True):
        theirs.set_adapter(person.name)
        made += generated(theirs, row[None], new)
    return made


def agree(what: str, ours: list[list[int]], theirs: list[list[int]]) -> None:
    """Say in how many rows every token is the same: all of them, but for ties within rounding."""
    same = sum(a == b for a, b in zip(ours, theirs, strict=True))
    tell(f"  tokens equal to {what}: {same} of {len(theirs)} rows")
    if same < 0.9 * len(theirs):
        raise SystemExit("that is not the same work: nothing is timed")


def measure(name: str, targets: str, people: int, rounds: int) -> None:
    """One table."""
    lm = model(name)
    plain = [question(lm, seed, PROMPT, max_tokens=NEW) for seed in range(people)]
    adapters = [adapter(lm, seed, TARGETS[targets]) for seed in range(people)]
    bent = [request.bent(adapters={person: 1.0}) for request, person in zip(plain, adapters, strict=True)]
    ids = torch.tensor([lm.encode(request).ids for request in plain])
    theirs, few, names = peft(lm, adapters), min(ONE_BY_ONE, people), [person.name for person in adapters]
    tell(f"\n{lm.name}, {sum(p.numel() for p in lm.model.parameters()) / 1e6:.1f} M parameters, LoRA r=8 on {targets}, {people} people")
    agree("PEFT's mixed batch", own(lm, bent), generated(theirs, ids, NEW, adapter_names=names))
    agree("PEFT's set_adapter", own(lm, bent[:few]), one_by_one(theirs, ids[:few], adapters[:few], NEW))
    agree("transformers' generate, no adapters", own(lm, plain), generated(lm.model, ids, NEW))
    ways: dict[str, Way] = {
        "own adapters": lambda: lm.generate(bent),
        "no adapters": lambda: lm.generate(plain),
        "transformers' generate, no adapters": lambda: generated(lm.model, ids, NEW),
        "PEFT mixed batch": lambda: generated(theirs, ids, NEW, adapter_names=names),
        f"PEFT set_adapter, one by one ({few} people)": lambda: one_by_one(theirs, ids[:few], adapters[:few], NEW),
    }
    seconds = interleaved(ways, rounds)
    work = {way: float(NEW * (few if "one by one" in way else people)) for way in ways}
    show(f"{NEW} new tokens from {PROMPT}, tokens a CPU second", seconds, work, "tokens/s", "own adapters")
    tell(f"  own adapters / no adapters: {ratio(seconds, 'own adapters', 'no adapters'):.2f}")


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
