"""A Hugging Face causal model on this machine, by name or folder, or the bundled one: it can do everything a request may carry."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from idiolect.errors import ModelError, RequestError
from idiolect.models.batches import batches
from idiolect.models.bends import Bends
from idiolect.models.chat import clean
from idiolect.models.decode import decode
from idiolect.models.encode import Encoded, Encoder
from idiolect.models.engine import Engine
from idiolect.models.group import Group
from idiolect.models.join import models_of, voices
from idiolect.models.lm import check
from idiolect.models.places import blocks, linear_paths, linears, widths
from idiolect.models.sample import generator
from idiolect.models.scoring import Unit, scored
from idiolect.models.stack import bends_of, fits
from idiolect.models.writing import Writing
from idiolect.types import Floats, Ints, Reply, Request, Score

TINY = Path(__file__).parent / "tiny"
TOKEN_BUDGET = 16_384  # rows times longest row in one batch


class LocalLM:
    """A causal model of transformers and its tokenizer. Its weights are frozen here and never changed by anything below.

    `window` is the context length, taken from the model's configuration where it is not given.
    """

    can: frozenset[str] = frozenset({"logprobs", "adapters", "prefix", "steering", "memory", "guide", "train"})

    def __init__(self, model: Any, tokenizer: Any, name: str, *, window: int | None = None, token_budget: int = TOKEN_BUDGET) -> None:
        self.name, self.model, self.tokenizer = name, model.eval().requires_grad_(False), tokenizer
        self.window, self.token_budget = window or _window(model, tokenizer), token_budget
        self.engine, self.encoder = Engine(model), Encoder(tokenizer, self.window)
        self.ends = _ends(model, tokenizer)
        self._linears = linears(model)
        self._beside: dict[str, LocalLM] = {}

    def beside(self, name: str, other: LocalLM) -> None:
        """Hold `other` under this name beside this model, for companions of a guide: `Guide(..., models=(name,))`. One at a time.

        Raises ModelError where its tokens are not this model's, or it is on another device: what they say could not be joined.
        """
        mine, theirs = self.tokenizer.get_vocab(), other.tokenizer.get_vocab()
        if mine != theirs:
            apart = len(mine.items() ^ theirs.items())
            raise ModelError(
                f"{other.name!r} and {self.name!r} differ in {apart} entries of their vocabularies: only models with one can join"
            )
        if other.engine.device != self.engine.device:
            raise ModelError(
                f"{other.name!r} is on {other.engine.device} and {self.name!r} on {self.engine.device}: move one to the other's"
            )
        if not name:
            raise ModelError("a model beside another needs a name: the empty one is the request's own model")
        self._beside[name] = other

    @property
    def width(self) -> int:
        """Numbers in one vector of the residual stream."""
        return int(self.engine.embedding.weight.shape[1])

    @property
    def layers(self) -> int:
        """Blocks; steering names them 0 to layers - 1."""
        return len(blocks(self.model))

    @cached_property
    def widths(self) -> dict[str, list[int]]:
        """By site of steering, how many numbers each block has there; 0 where this model has no such site."""
        return widths(self.model)

    @property
    def embedding_norm(self) -> float:
        """Mean Euclidean length of a token's embedding: the scale on which to start a prefix."""
        return float(self.engine.embedding.weight.detach().float().norm(dim=1).mean())

    def linear_paths(self, suffixes: Collection[str]) -> list[str]:
        """Paths of the linear modules whose last name is one of `suffixes`. Raises ModelError where a suffix names nothing."""
        return linear_paths(self.model, suffixes)

    def tokens(self, text: str) -> int:
        """How many tokens `text` is, alone."""
        return len(self.encoder.tokens(clean(text)))

    def embedded(self, text: str) -> Floats:
        """Token embeddings of `text` (tokens, width), as a prefix may start from."""
        ids = torch.tensor(self.encoder.tokens(text), dtype=torch.long, device=self.engine.device)
        made: Floats = self.engine.embedding(ids).detach().float().cpu().numpy()
        return made

    def generate(self, requests: Sequence[Request]) -> list[Reply]:
        """One reply for each request, in order. A request never sees who shares its batch."""
        self._check(requests)
        groups = [self._group(request) for request in requests]
        for places in batches([group.cost for group in groups], self.token_budget):
            for _ in decode(self.engine, [groups[place] for place in places]):
                pass
        return [group.reply for group in groups]

    def stream(self, request: Request) -> Iterator[str]:
        """The reply's text in pieces. Between two pieces the model is unbent and free for others."""
        self._check([request])
        group = self._group(request)
        for _ in decode(self.engine, [group]):
            if piece := group.writing.piece():
                yield piece

    def score(self, requests: Sequence[Request], answers: Sequence[str]) -> list[Score]:
        """Log-probability in nats of each answer's tokens (no end token) under its request, guide included.

        Prompt and answer are tokenized apart and put together; steering in scope "decode" moves the answer's positions.
        An answer beyond half the window is cut there, and `chars` counts what was scored.
        """
        self._check(requests, answers)
        units = [self._unit(request, answer) for request, answer in zip(requests, answers, strict=True)]
        vocabulary = self.model.config.get_text_config().vocab_size
        scores: dict[int, Score] = {}
        for places in batches([unit.cost(vocabulary) for unit in units], self.token_budget):
            scores |= zip(places, scored(self.engine, [units[place] for place in places]), strict=True)
        return [scores[place] for place in range(len(units))]

    @torch.no_grad()
    def hidden(self, requests: Sequence[Request], answers: Sequence[str], layer: int) -> list[Floats]:
        """The residual stream after block `layer` where the input is an answer token: one (answer tokens, width) for each.

        The requests' bends hold, that of a guide excepted: it bends what comes after the stream (RequestError).
        """
        self._check(requests, answers)
        if not 0 <= layer < self.layers:
            raise ModelError(f"block {layer} is not there: the model has blocks 0 to {self.layers - 1}")
        if any(request.guide for request in requests):
            raise RequestError("a guide joins what several rows say and has no residual stream: ask for that of each companion")
        rows = [self.encode(request, answer) for request, answer in zip(requests, answers, strict=True)]
        made: dict[int, Floats] = {}
        for places in batches([(1, len(row.ids)) for row in rows], self.token_budget):
            bends = self.bends([requests[place] for place in places])
            streams = self.engine.stream_at_answers([rows[place] for place in places], bends, layer)
            made |= {place: stream.float().cpu().numpy() for place, stream in zip(places, streams, strict=True)}
        return [made[place] for place in range(len(rows))]

    @torch.no_grad()
    def traces(self, requests: Sequence[Request], answers: Sequence[str]) -> list[tuple[Floats, Ints]]:
        """What the head was given where each token of an answer was predicted, (tokens, width), and these tokens, the end token last.

        This is what a `Memory` is made of. The requests' bends hold, but for their guides and memories, which work behind the head.
        """
        self._check(requests, answers)
        rows = [self.encode(request, answer, end=True) for request, answer in zip(requests, answers, strict=True)]
        made: dict[int, tuple[Floats, Ints]] = {}
        for places in batches([(1, len(row.ids)) for row in rows], self.token_budget):
            batch = [rows[place] for place in places]
            _, states = self.engine.answer_states(batch, self.bends([requests[place] for place in places]))
            for place, row, own in zip(places, batch, states, strict=True):
                made[place] = own.float().cpu().numpy(), np.array(row.ids[row.prompt :], dtype=np.int32)
        return [made[place] for place in range(len(rows))]

    def encode(self, request: Request, answer: str | None = None, *, end: bool = False, reserve: int = 0) -> Encoded:
        """The request's prompt as token ids, with the answer after it where one is given, all within the window.

        `end` adds the end token to the answer, for training; `reserve` keeps room for tokens to be generated.
        """
        ids, chars = self.encoder.answer(answer) if answer is not None else ((), 0)
        if end and self.tokenizer.eos_token_id is not None:
            ids += (int(self.tokenizer.eos_token_id),)
        prefix = 0 if request.prefix is None else len(request.prefix.vectors)
        return self.encoder.prompt(request.messages, self.window - reserve - prefix - len(ids)).answered(ids, chars)

    def bends(self, requests: Sequence[Request]) -> Bends:
        """The bends of one row for each request (guides apart), on the model's device and in its precision."""
        return bends_of(requests, device=self.engine.device, dtype=self.engine.dtype)

    def answer_logprobs(self, rows: Sequence[Encoded], bends: Bends) -> tuple[Tensor, Tensor]:
        """What training needs: see `Engine.answer_logprobs`. `bends` may hold tensors that require gradients."""
        return self.engine.answer_logprobs(rows, bends)

    def _check(self, requests: Sequence[Request], answers: Sequence[str] | None = None) -> None:
        if answers is not None and len(answers) != len(requests):
            raise RequestError(f"{len(requests)} requests and {len(answers)} answers: give one answer for each request")
        check(self, frozenset[str]().union(*(request.needs for request in requests)), "the request")
        for request in requests:
            voiced = (request, *(request.guide.companions if request.guide else ()))
            for voice, name in zip(voiced, models_of(request.guide), strict=True):
                model = self._named(name)
                fits(voice, model._linears, model.widths if voice.steering else {}, model.width)
            if (gate := request.guide and request.guide.gate) and gate.vectors.shape[1] != self.width + 1:
                raise ModelError(
                    f"the gate reads {gate.vectors.shape[1] - 1} numbers and the model's states have {self.width}: it was made for another"
                )

    def _named(self, name: str) -> LocalLM:
        if name and name not in self._beside:
            raise ModelError(
                f"no model is held as {name!r} beside {self.name!r} (there are: {', '.join(self._beside) or 'none'}); see `beside`"
            )
        return self._beside[name] if name else self

    def _group(self, request: Request) -> Group:
        requests, blend = voices(request)
        wanted, chance = request.sampling.max_tokens, generator(request.sampling.seed)
        writing, made = Writing(self.tokenizer, request.sampling, wanted, self.ends), []
        for name in dict.fromkeys(blend.models or [""]):
            model = self._named(name)
            own = [voice for voice, at in zip(requests, blend.models, strict=True) if at == name] if blend.models else requests
            rows = [model.encode(voice, reserve=min(wanted, model.window // 2)) for voice in own]
            made.append((model, Group(own, rows, blend, writing, chance)))
        writing.limit = min(wanted, *(model.window - (group.cost[1] - wanted) for model, group in made))
        group = made[0][1]
        group.beside = tuple((model.engine, other) for model, other in made[1:])
        return group

    def _unit(self, request: Request, answer: str) -> Unit:
        requests, blend = voices(request)
        models = [self._named(name) for name in blend.models] or [self] * len(requests)
        rows = [self._answered(model, voice, answer) for model, voice in zip(models, requests, strict=True)]
        return Unit(requests, rows, blend, tuple(model.engine for model in models))

    def _answered(self, model: LocalLM, voice: Request, answer: str) -> Encoded:
        """The voice's prompt as its model reads it, and the answer as this one does, in tokens that both have."""
        if model is self:
            return self.encode(voice, answer)
        ids, chars = self.encoder.answer(answer)
        prefix = 0 if voice.prefix is None else len(voice.prefix.vectors)
        return model.encoder.prompt(voice.messages, model.window - prefix - len(ids)).answered(ids, chars)


def load(name_or_path: str | Path, dtype: torch.dtype = torch.float32) -> LocalLM:
    """A model by its Hugging Face name, a folder's path, or "tiny", the bundled one. Raises ModelError where there is none."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    name = str(name_or_path)
    place = str(TINY) if name == "tiny" else os.path.expanduser(name)
    is_folder = name == "tiny" or os.path.isdir(place)
    if "://" in name:
        raise ModelError(f"{name!r} is an endpoint, not a model on this machine: open it with models.remote (--model takes URLs too)")
    if is_folder and not os.path.isfile(os.path.join(place, "config.json")):
        raise ModelError(f"the folder {place!r} holds no model: config.json is missing; give a folder that save_pretrained wrote")
    source = place if is_folder else name
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    except (OSError, ValueError) as error:
        raise ModelError(_not_there(name, error)) from error
    return LocalLM(model, tokenizer, name)


def _not_there(name: str, error: Exception) -> str:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    ways = "a folder that holds config.json, a Hugging Face name such as 'Qwen/Qwen2.5-0.5B-Instruct', an http(s):// endpoint, or 'tiny'"
    offline = "a name is downloaded when first used; without a network, download it elsewhere and give the folder"
    return f"the model {name!r} cannot be loaded ({reason}). Give {ways}; {offline}"


def _window(model: Any, tokenizer: Any) -> int:
    given = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return int(given or min(tokenizer.model_max_length, 32_768))


def _ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that the model, its generation settings or its tokenizer call an end."""
    named = (model.config.get_text_config().eos_token_id, getattr(model.generation_config, "eos_token_id", None), tokenizer.eos_token_id)
    flat = (i for ids in named for i in (ids if isinstance(ids, list) else [ids]))
    return frozenset(int(i) for i in flat if i is not None)
