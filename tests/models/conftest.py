"""Random small models of three architectures, a byte-level tokenizer trained on the spot, and random things to bend them with."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
)

from idiolect.models.continuous import Continuous
from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.types import Adapter, Guide, Message, Prefix, Request, Sampling, Steering, ask
from tests.models.loopback import server as server  # the fixture

torch.set_num_threads(1)

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on.",
    "Write the subject line of a commit that fixes the parser of dates.",
    "Die Straße ist naß, שלום עולם, and the naïve café is closed 🙂.",
    "A title for this abstract: models of language, and of the people who speak it.",
] * 8
TEMPLATE = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
KINDS = ("llama", "qwen2", "gpt2")
TARGETS = {"llama": ("q_proj", "v_proj", "down_proj"), "qwen2": ("q_proj", "v_proj", "o_proj"), "gpt2": ("c_attn", "c_fc")}


def make_tokenizer():
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer, raw.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, show_progress=False, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    raw.train_from_iterator(SENTENCES, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=raw, eos_token="<|end|>", extra_special_tokens=SPECIAL[1:])
    made.chat_template = TEMPLATE
    return made


def make_model(kind, vocabulary, window=256, seed=0):
    torch.manual_seed(seed)
    sizes = {"vocab_size": vocabulary, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.25}
    sizes |= {"max_position_embeddings": window, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**sizes, intermediate_size=64, num_key_value_heads=2)).eval()
    if kind == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**sizes, intermediate_size=64, num_key_value_heads=2)).eval()
    return GPT2LMHeadModel(GPT2Config(**sizes)).eval()


class Bench:
    """One random model, and random bends that fit it."""

    def __init__(self, kind, window=256):
        self.kind, self.tokenizer = kind, make_tokenizer()
        self.model = make_model(kind, len(self.tokenizer), window)
        self.lm = LocalLM(self.model, self.tokenizer, kind)

    def adapter(self, seed, rank=4, scale=0.5, targets=None):
        random = np.random.default_rng(seed)
        shapes, paths = linears(self.model), self.lm.linear_paths(targets or TARGETS[self.kind])
        pairs = {path: (random.normal(0, 0.3, (rank, shapes[path][0])), random.normal(0, 0.3, (shapes[path][1], rank))) for path in paths}
        modules = {path: (a.astype(np.float32), b.astype(np.float32)) for path, (a, b) in pairs.items()}
        return Adapter(modules, scale=scale, name=f"adapter {seed}")

    def prefix(self, seed, length=3):
        return Prefix(np.random.default_rng(seed).normal(0, 0.3, (length, 32)).astype(np.float32))

    def steering(self, seed, scope="decode", layer=1):
        return Steering(layer, np.random.default_rng(seed).normal(0, 0.5, 32).astype(np.float32), scope)

    def logits(self, text, model=None):
        """Logits of transformers' own forward pass for one text: (tokens, vocabulary)."""
        ids = torch.tensor([self.tokenizer(text, add_special_tokens=False)["input_ids"]])
        with torch.no_grad():
            return (model or self.model)(input_ids=ids).logits[0]

    def assorted(self, count=32):
        """Differently bent requests: every field of the waist, alone and together, lengths and limits mixed."""
        made = []
        for i in range(count):
            request = ask("fox " * (i % 7) + f"Tell me {i}: {SENTENCES[i % 4]}", max_tokens=4 + i % 9)
            request = request.told("You are a fox. " * (i % 3))
            if i % 2:
                request = request.bent(adapters={self.adapter(i % 5, rank=1 + i % 4): 1.0, self.adapter(9): 0.25 * (i % 3)})
            if i % 3 == 1:
                request = request.bent(prefix=self.prefix(i, 1 + i % 4))
            if i % 4 == 2:
                request = request.bent(steering=[self.steering(i, "all", 0), self.steering(i + 1, "decode", 1)])
            if i % 5 == 3:
                other = ask("Tell me nothing").bent(adapters={self.adapter(i): 1.0})
                rule = ("geometric", (1.5, -0.5)) if i % 2 else ("arithmetic", (0.7, 0.3))
                request = request.bent(guide=Guide((other,), rule[1], rule[0]))
            if i % 6 == 5:
                request = request.sampled(temperature=1.3, top_p=0.9, seed=i)
            made.append(request)
        return made


@pytest.fixture(scope="session")
def benches():
    return {kind: Bench(kind) for kind in KINDS}


@pytest.fixture(params=KINDS)
def bench(request, benches):
    """Each architecture in turn; afterwards the model must be what it was."""
    bench = benches[request.param]
    before = {name: value.clone() for name, value in bench.model.state_dict().items()}
    yield bench
    assert all(torch.equal(before[name], value) for name, value in bench.model.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in bench.model.modules())


@pytest.fixture
def llama(benches):
    """One architecture, for what does not depend on it."""
    return benches["llama"]


@pytest.fixture
def new_bench():
    """A maker of models that a test may change, or whose window it chooses."""
    return Bench


@pytest.fixture
def conversation():
    """A system message, two exchanges, and a question."""
    roles = ["system", "user", "assistant", "user", "assistant", "user"]
    texts = ["alpha " * 30, "one fox", "two dogs", "three foxes", "four dogs", "the question"]
    return Request(tuple(Message(role, text) for role, text in zip(roles, texts, strict=True)), Sampling(max_tokens=8))


@pytest.fixture
def opened():
    """A maker of `Continuous` that are closed afterwards, with nothing left in them."""
    made = []

    def make(lm, **limits):
        made.append(Continuous(lm, **limits))
        return made[-1]

    yield make
    for one in made:
        one.close(0)
        assert not one._thread.is_alive() and not one._aboard and not one._waiting


@pytest.fixture
def endless(llama, monkeypatch):
    """The little Llama, with no token that ends an answer."""
    monkeypatch.setattr(llama.lm, "ends", frozenset())
    return llama.lm
