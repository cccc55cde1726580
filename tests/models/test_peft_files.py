"""Adapters in PEFT's format, both ways, against PEFT itself."""

import copy
import json
import os

import numpy as np
import pytest
import torch

from idiolect.errors import ModelError, StoreError
from idiolect.models.peft_files import read_peft, write_peft
from idiolect.store import Store
from idiolect.types import Adapter, State, ask

peft = pytest.importorskip("peft", reason="PEFT itself is not installed")

REQUEST = ask("Tell me of the fox")
ANSWER = "the dog sleeps on"


def ours(bench, adapter):
    request = REQUEST.bent(adapters={adapter: 1.0})
    with torch.no_grad():
        return bench.lm.engine.answer_logits([bench.lm.encode(request, ANSWER)], bench.lm.bends([request]))[0]


def theirs(bench, model):
    row = bench.lm.encode(REQUEST, ANSWER)
    with torch.no_grad():
        return model(input_ids=torch.tensor([row.ids])).logits[0, row.prompt - 1 : -1]


def written_by_peft(bench, folder, **settings):
    targets = {"gpt2": ["c_attn", "c_fc"]}.get(bench.kind, ["q_proj", "down_proj"])
    config = peft.LoraConfig(**{"r": 4, "lora_alpha": 7, "target_modules": targets, "task_type": "CAUSAL_LM"} | settings)
    model = peft.get_peft_model(copy.deepcopy(bench.model), config).eval()
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if "lora_" in name:
            parameter.data.normal_(0, 0.2)
    model.save_pretrained(folder)
    return model


SETTINGS = [
    {},
    {"use_rslora": True},
    {"rank_pattern": {r"\d+\.self_attn.q_proj": 2, "h.0.attn.c_attn": 3}, "alpha_pattern": {"down_proj": 3, "h.1.mlp.c_fc": 5}},
    {"layers_to_transform": [1]},
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_an_adapter_written_by_peft_gives_its_logits(bench, tmp_path, settings):
    model = written_by_peft(bench, tmp_path / "theirs", **settings)
    adapter = read_peft(tmp_path / "theirs")
    assert adapter.name == "theirs"
    assert torch.allclose(ours(bench, adapter), theirs(bench, model), atol=1e-5)
    assert not torch.allclose(theirs(bench, model), theirs(bench, bench.model), atol=1e-1)


@pytest.mark.parametrize("scale", [0.5, 1.0, 0.3])
def test_an_adapter_written_here_gives_the_same_logits_in_peft(bench, tmp_path, scale):
    paths = list(bench.adapter(1).modules)
    mixed = {**bench.adapter(1, rank=4).modules, paths[0]: bench.adapter(2, rank=2).modules[paths[0]]}
    adapter = Adapter(mixed, scale=scale, name="own")
    write_peft(adapter, tmp_path / "own", "some/base")
    model = peft.PeftModel.from_pretrained(copy.deepcopy(bench.model), tmp_path / "own").eval()
    assert torch.allclose(ours(bench, adapter), theirs(bench, model), atol=1e-5)


def test_a_bottleneck_is_refused_and_nothing_is_written(tmp_path):
    behind = Adapter({"model.layers.0.mlp.down_proj": (np.ones((2, 33), "f4"), np.ones((32, 2), "f4"))}, 1.0, "ann's", "relu")
    with pytest.raises(ModelError, match=r"ann's is a bottleneck with relu.*LoRA"):
        write_peft(behind, tmp_path / "own", "some/base")
    assert not list(tmp_path.iterdir())


def test_written_and_read_it_is_the_same_adapter(llama, tmp_path):
    adapter = llama.adapter(1, scale=2.0)
    write_peft(adapter, tmp_path / "deep" / "own", "some/base")
    assert read_peft(tmp_path / "deep" / "own") == adapter
    settings = json.loads((tmp_path / "deep" / "own" / "adapter_config.json").read_text())
    assert (settings["base_model_name_or_path"], settings["r"], settings["lora_alpha"]) == ("some/base", 4, 8)
    assert sorted(os.listdir(tmp_path / "deep")) == ["own"]  # no draft is left


def test_writing_over_an_adapter_replaces_it_and_keeps_other_files(llama, tmp_path):
    write_peft(llama.adapter(1), tmp_path / "own", "base")
    (tmp_path / "own" / "README.md").write_text("mine")
    write_peft(llama.adapter(2, rank=2), tmp_path / "own", "base")
    assert read_peft(tmp_path / "own") == llama.adapter(2, rank=2)
    assert (tmp_path / "own" / "README.md").read_text() == "mine"


def test_a_disk_that_refuses_leaves_the_old_adapter_whole(llama, tmp_path, monkeypatch):
    write_peft(llama.adapter(1), tmp_path / "own", "base")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("idiolect.models.peft_write.save_file", full)
    with pytest.raises(StoreError, match="No space left"):
        write_peft(llama.adapter(2), tmp_path / "own", "base")
    assert read_peft(tmp_path / "own") == llama.adapter(1)
    assert os.listdir(tmp_path) == ["own"]


def test_a_writing_interrupted_between_the_two_files_is_noticed(llama, tmp_path):
    write_peft(llama.adapter(1, scale=1.0), tmp_path / "own", "base")
    write_peft(llama.adapter(1, scale=2.0), tmp_path / "new", "base")
    os.replace(tmp_path / "new" / "adapter_model.safetensors", tmp_path / "own" / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="two writings"):
        read_peft(tmp_path / "own")


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "bias='all'"),
        ({"modules_to_save": ["lm_head"]}, "whole modules"),
        ({"init_lora_weights": "olora"}, "olora"),
        ({"lora_bias": True}, "biases"),
    ],
)
def test_what_is_more_than_a_plain_lora_is_refused_by_name(llama, tmp_path, settings, named):
    written_by_peft(llama, tmp_path / "theirs", **settings)
    with pytest.raises(ModelError, match=named):
        read_peft(tmp_path / "theirs")


def test_what_is_missing_or_broken_is_named(llama, tmp_path):
    with pytest.raises(ModelError, match="adapter_config.json cannot be read"):
        read_peft(tmp_path)
    write_peft(llama.adapter(1), tmp_path / "own", "base")
    weights, config = tmp_path / "own" / "adapter_model.safetensors", tmp_path / "own" / "adapter_config.json"
    whole, text = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[:-7])
    with pytest.raises(ModelError, match="broken"):
        read_peft(tmp_path / "own")
    weights.unlink()
    with pytest.raises(ModelError, match="holds no adapter_model.safetensors"):
        read_peft(tmp_path / "own")
    for broken, named in (("{", "not JSON"), ("[]", "type None"), (text.replace('"LORA"', '"IA3"'), "IA3")):
        config.write_text(broken)
        with pytest.raises(ModelError, match=named):
            read_peft(tmp_path / "own")


def test_a_persons_adapter_goes_from_the_store_to_a_folder_and_back(llama, tmp_path):
    with Store(tmp_path / "people.db") as store:
        for who, seed in (("ann", 1), ("bob", 2)):
            store.add(who, [])
            store.save(who, "OPPU", {}, State(adapter=llama.adapter(seed, scale=2.0)))
        write_peft(store.adapters("OPPU", {}).load("ann"), tmp_path / "ann", "some/base")
        store.save("bob", "OPPU", {}, State(adapter=read_peft(tmp_path / "ann")))
        assert store.load("bob", "OPPU", {}).adapter == read_peft(tmp_path / "ann") == llama.adapter(1, scale=2.0)


def test_half_precision_files_are_read_as_float32(llama, tmp_path):
    from safetensors.torch import load_file, save_file

    write_peft(llama.adapter(1), tmp_path / "own", "base")
    weights = tmp_path / "own" / "adapter_model.safetensors"
    save_file({name: tensor.bfloat16() for name, tensor in load_file(weights).items()}, weights)
    for path, (a, _) in read_peft(tmp_path / "own").modules.items():
        assert a.dtype == np.float32
        assert np.allclose(a, llama.adapter(1).modules[path][0], rtol=1e-2, atol=1e-6)
