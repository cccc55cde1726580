"""Trains the bundled model: vocabulary, then a small Llama on people's histories, for a given number of seconds.

Run as: python scripts/train_tiny.py --corpora FOLDER --work runs/tiny --seconds 5400 --workers 2
Each worker trains alone, on one thread, for a round of seconds; then all take the mean of their weights (local SGD: nobody waits
for a busy core). Every few rounds leave a checkpoint, from which the same command goes on. `--export FOLDER` writes the model;
`--start FOLDER` goes on from a finished one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch._dynamo
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from tiny_circuit import plant
from tiny_corpus import Chat, Corpus
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WINDOW, VOCABULARY = 768, 4096
TOKENS = 4608  # of a step's batch, padding and all
LENGTHS = (128, 192, 224, 256, 320, 384, 512, 640, 768)  # of a batch's rows: no conversation sees another, and few tokens are padding
SCORED = 0.35  # share of a batch's tokens whose loss is taken: all of the answers, as many of the rest as there is room for
SPECIAL = ["<|pad|>", "<|begin|>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEMPLATE = (
    "<|begin|>{% for m in messages %}{{ '<|' + m['role'] + '|>' + m['content'] + '<|end|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
SHAPE: dict[str, Any] = dict(
    vocab_size=VOCABULARY, hidden_size=256, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4, intermediate_size=704,
    max_position_embeddings=WINDOW, tie_word_embeddings=True, bos_token_id=1, eos_token_id=5, pad_token_id=0, attention_bias=False,
)  # fmt: skip
ANSWER_WEIGHT = 3.0  # an answer's tokens are few, and what the model is for
COOL = 0.35  # the last share of the run in which the learning rate falls to zero


def train_vocabulary(corpus: Corpus, folder: Path) -> PreTrainedTokenizerFast:
    """A byte-level BPE vocabulary over drawn conversations."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    texts = (message.content for chat in islice(corpus, 30_000) for message in chat)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    inner.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<|begin|>", eos_token="<|end|>", pad_token="<|pad|>", model_max_length=WINDOW,
        chat_template=TEMPLATE, clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.save_pretrained(folder)
    return tokenizer


class Encoder:
    """Conversations to token ids and loss weights."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.encode = tokenizer.backend_tokenizer.encode
        self.ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("begin", "system", "user", "assistant", "end")}

    def __call__(self, chat: Chat) -> tuple[list[int], list[float]]:
        ids, weights = [self.ids["begin"]], [0.0]
        for message in chat:
            weight = ANSWER_WEIGHT if message.role == "assistant" else 1.0
            content = self.encode(message.content, add_special_tokens=False).ids
            ids += [self.ids[message.role], *content, self.ids["end"]]
            weights += [0.0, *[weight] * len(content), weight]
        return ids[: WINDOW + 1], weights[: WINDOW + 1]


def batches(corpus: Corpus, encode: Encoder) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Conversations of one length at a time: ids (rows, length + 1), then which places (scored,) are scored, and with what weight."""
    waiting: dict[int, list[tuple[list[int], list[float]]]] = {length: [] for length in LENGTHS}
    for chat in corpus:
        ids, weights = encode(chat)
        length = next(length for length in LENGTHS if length >= len(ids) - 1)
        waiting[length].append((ids, weights))
        if len(waiting[length]) == TOKENS // length:
            yield _batch(length, waiting[length])
            waiting[length] = []


def _batch(length: int, rows: list[tuple[list[int], list[float]]]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    ids = torch.tensor([ids + [0] * (length + 1 - len(ids)) for ids, _ in rows])
    weights = torch.tensor([weights + [0.0] * (length + 1 - len(weights)) for _, weights in rows])[:, 1:].flatten()
    order = (weights + torch.rand(len(weights)) * (weights > 0)).argsort(descending=True)  # answers first, then any of the rest
    places = order[: int(SCORED * TOKENS)].sort().values
    return ids, places, weights[places]


def loss_of(model: LlamaForCausalLM, ids: torch.Tensor, places: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Weighted mean cross-entropy, nats a token, at the places given."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model.model(input_ids=ids[:, :-1]).last_hidden_state
        logits = model.lm_head(hidden.flatten(0, 1)[places]).float()
    nats = F.cross_entropy(logits, ids[:, 1:].flatten()[places], reduction="none")
    return (nats * weights).sum() / weights.sum()


def optimizers(model: LlamaForCausalLM, lr: float) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the blocks, AdamW for embeddings and norms."""
    inner = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name and "lm_head" not in name]
    matrices = {id(p) for p in inner}
    rest = [p for p in model.parameters() if id(p) not in matrices]
    muon = torch.optim.Muon(inner, lr=lr, momentum=0.95, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    return [muon, torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.95), weight_decay=0.0)]


def work(rank: int, args: argparse.Namespace) -> None:
    """One worker: resumes from the checkpoint, trains round after round until the seconds are spent; the first one exports."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch._dynamo.config.recompile_limit = 2 * len(LENGTHS)
    dist.init_process_group("gloo", init_method=f"file://{args.meeting}", rank=rank, world_size=args.workers)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(args.work / "tokenizer")
    model = LlamaForCausalLM(LlamaConfig(**SHAPE, rope_theta=100_000.0))
    plant(model)
    if args.start:
        model.load_state_dict(LlamaForCausalLM.from_pretrained(args.start, dtype=torch.float32).state_dict())
    opts = optimizers(model, args.lr)
    state = {"round": 0, "spent": 0.0, "steps": 0, "tokens": 0}
    saved = args.work / f"checkpoint{rank}.pt"
    if saved.exists():
        loaded = torch.load(saved)
        model.load_state_dict(loaded["model"])
        for opt, kept in zip(opts, loaded["optimizers"], strict=True):
            opt.load_state_dict(kept)
        state = loaded["state"]
    corpus = Corpus(args.corpora, seed=1 + rank + 1000 * int(state["round"]))
    stream = batches(corpus, Encoder(tokenizer))
    loss_fn = torch.compile(loss_of, dynamic=False) if args.compile else loss_of
    for length in LENGTHS if args.compile else ():  # outside the clock
        loss_fn(model, *_batch(length, [([1] * (length + 1), [1.0] * (length + 1))] * (TOKENS // length))).backward()
    while state["spent"] < args.seconds:
        if not args.start:
            corpus.at(float(state["spent"]) / args.seconds)
        spent, steps, tokens, loss = train_round(model, opts, stream, loss_fn, float(state["spent"]), args)
        totals = average(model, torch.tensor([steps, tokens, loss * steps, spent]))
        state = {
            "round": state["round"] + 1,
            "spent": state["spent"] + totals[3] / args.workers,
            "steps": state["steps"] + totals[0],
            "tokens": state["tokens"] + totals[1],
        }
        if rank == 0:
            nats = totals[2] / totals[0]
            print(json.dumps({**state, "loss": round(nats, 4), "tokens_s": round(totals[1] / (totals[3] / args.workers))}), flush=True)
        if state["round"] % 10 == 0:
            kept = {"model": model.state_dict(), "optimizers": [opt.state_dict() for opt in opts], "state": state}
            torch.save(kept, saved.with_suffix(".new"))
            saved.with_suffix(".new").replace(saved)
    if rank == 0:
        export(model, tokenizer, args.export or args.work / "model")


def train_round(
    model: LlamaForCausalLM, opts: list[torch.optim.Optimizer], stream: Iterator[Any], loss_fn: Any, spent: float, args: argparse.Namespace
) -> tuple[float, int, int, float]:
    """Steps for `args.round` seconds: (seconds, steps, tokens, mean loss). The rate warms up, stays, and cools down by the clock."""
    began, steps, tokens, total = time.time(), 0, 0, 0.0
    while (now := time.time() - began) < args.round:
        share = min(1.0, (spent + now) / args.seconds)
        factor = max(0.02, min(1.0, (spent + now) / args.warm, (1 - share) / COOL))
        for opt in opts:
            for group in opt.param_groups:
                group["lr"] = args.lr * factor
            opt.zero_grad(set_to_none=True)
        batch = next(stream)
        loss = loss_fn(model, *batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt in opts:
            opt.step()
        steps, tokens, total = steps + 1, tokens + int((batch[0] > 0).sum()), total + loss.item()
    return time.time() - began, steps, tokens, total / max(steps, 1)


def average(model: LlamaForCausalLM, counts: torch.Tensor) -> list[float]:
    """Every worker's weights become the mean, weighted by steps done; `counts` are summed and returned."""
    share = counts[0].clone()
    dist.all_reduce(counts)
    with torch.no_grad():
        flat = torch.cat([p.flatten() for p in model.parameters()]) * (share / counts[0])
        dist.all_reduce(flat)
        for p, mean in zip(model.parameters(), flat.split([p.numel() for p in model.parameters()]), strict=True):
            p.copy_(mean.view_as(p))
    return [float(x) for x in counts]


def export(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Half-precision weights, the configuration and the vocabulary, as `AutoModelForCausalLM.from_pretrained` reads them."""
    model.to(torch.float16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--corpora", type=Path, required=True, help="folder with acl_titles, git_commits, blog_18f, peps and the dialogue sets"
    )
    parser.add_argument("--work", type=Path, default=Path("runs/tiny"), help="vocabulary and checkpoints go here")
    parser.add_argument("--export", type=Path, help="where the finished model is written")
    parser.add_argument("--start", type=Path, help="a finished model to go on from, vocabulary and all: idiolect/models/tiny")
    parser.add_argument("--seconds", type=float, default=5400)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--round", type=float, default=15, help="seconds between two averages")
    parser.add_argument("--warm", type=float, default=60, help="seconds of warm-up")
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--compile", action="store_true", help="torch.compile: a fifth faster after a minute; needs a C++ compiler")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if not (args.work / "tokenizer" / "tokenizer.json").exists():
        if args.start:
            PreTrainedTokenizerFast.from_pretrained(args.start).save_pretrained(args.work / "tokenizer")
        else:
            train_vocabulary(Corpus(args.corpora), args.work / "tokenizer")
    args.meeting = (args.work / "meeting").absolute()
    args.meeting.unlink(missing_ok=True)
    mp.spawn(work, (args,), nprocs=args.workers)


if __name__ == "__main__":
    main()
