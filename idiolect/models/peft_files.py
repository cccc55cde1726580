"""Adapters read from folders in PEFT's format, which vLLM, LoRAX and PEFT load; `write_peft` stands in a module that does without torch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from idiolect.errors import ModelError
from idiolect.models.peft_write import CONFIG, ROOT, SETTING, WEIGHTS, write_peft
from idiolect.types import Adapter, Floats, digest

__all__ = ["read_peft", "write_peft"]

REFUSED = {  # settings that mean more than B @ A @ input
    "use_dora": "DoRA",
    "use_qalora": "QA-LoRA",
    "lora_bias": "biases of LoRA",
    "modules_to_save": "whole modules saved beside the LoRA",
    "layer_replication": "replicated layers",
    "trainable_token_indices": "trained token embeddings",
    "alora_invocation_tokens": "activated LoRA",
    "arrow_config": "Arrow routing",
    "target_parameters": "LoRA on bare parameters",
}
MOVING = ("pissa", "olora", "corda", "loftq")  # initializations that change the base weights


def read_peft(folder: str | Path) -> Adapter:
    """The LoRA in a PEFT folder, named after the folder. Raises ModelError for what is missing, broken or not a plain LoRA."""
    folder = Path(folder)
    text = _text(folder)
    config = _config(folder, text)
    tensors = _tensors(folder, digest(text))
    modules = {path: _pair(folder, path, tensors) for path in sorted(_paths(folder, tensors))}
    scales = {path: _scale(folder, config, path, rank=len(a)) for path, (a, _) in modules.items()}
    if len(set(scales.values())) == 1:
        return Adapter(modules, scale=next(iter(scales.values())), name=folder.name)
    return Adapter({path: (a, b * scales[path]) for path, (a, b) in modules.items()}, name=folder.name)


def _text(folder: Path) -> str:
    try:
        return (folder / CONFIG).read_text(encoding="utf-8")
    except OSError as error:
        raise ModelError(
            f"{str(folder)!r} holds no adapter: {CONFIG} cannot be read ({error.strerror}); give a folder PEFT wrote"
        ) from error


def _config(folder: Path, text: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except json.JSONDecodeError as error:
        raise ModelError(f"{str(folder / CONFIG)!r} is not JSON: {error}") from error
    if not isinstance(config, dict) or config.get("peft_type") != "LORA":
        kind = config.get("peft_type") if isinstance(config, dict) else None
        raise ModelError(f"{str(folder)!r} holds a PEFT adapter of type {kind!r}: only LORA can be read")
    refused = [why for key, why in REFUSED.items() if config.get(key)]
    refused += [f"bias={config['bias']!r}"] if config.get("bias", "none") != "none" else []
    start = config.get("init_lora_weights", True)
    refused += [f"{start} initialization, which changes the base weights"] if str(start).lower().startswith(MOVING) else []
    if refused:
        raise ModelError(f"the adapter in {str(folder)!r} uses {', '.join(refused)}: only a plain LoRA can be read; convert or retrain it")
    return config


def _tensors(folder: Path, setting: str) -> dict[str, Floats]:
    """name -> float32 array. Pickled weights (adapter_model.bin) are never opened."""
    if not (folder / WEIGHTS).is_file():
        raise ModelError(f"{str(folder)!r} holds no {WEIGHTS}: save the adapter with safe_serialization=True")
    try:
        with safe_open(folder / WEIGHTS, framework="pt") as opened:
            written = (opened.metadata() or {}).get(SETTING, setting)
            tensors = {name: opened.get_tensor(name).float().numpy() for name in opened.keys()}  # noqa: SIM118  (not a mapping)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{str(folder / WEIGHTS)!r} is broken: {error}; write the adapter again") from error
    if written != setting:
        raise ModelError(f"in {str(folder)!r} the weights and {CONFIG} are of two writings (one was interrupted): write the adapter again")
    return tensors


def _paths(folder: Path, tensors: Mapping[str, Floats]) -> set[str]:
    paths = set()
    for name in tensors:
        match = re.fullmatch(re.escape(ROOT) + r"(.+)\.lora_[AB]\.weight", name)
        if match is None:
            raise ModelError(f"the adapter in {str(folder)!r} holds {name!r}: only lora_A and lora_B of linear modules can be read")
        paths.add(match[1])
    if not paths:
        raise ModelError(f"the adapter in {str(folder)!r} is empty: {WEIGHTS} holds no tensors")
    return paths


def _pair(folder: Path, path: str, tensors: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    names = [f"{ROOT}{path}.lora_{part}.weight" for part in "AB"]
    if missing := [name for name in names if name not in tensors]:
        raise ModelError(f"the adapter in {str(folder)!r} lacks {missing[0]!r}: write it again")
    return tensors[names[0]], tensors[names[1]]


def _scale(folder: Path, config: Mapping[str, Any], path: str, rank: int) -> float:
    """alpha / r, or alpha / sqrt(r) where the adapter is rank-stabilized."""
    named = _patterned(config.get("rank_pattern"), path, config["r"])
    if named != rank:
        raise ModelError(f"in {str(folder)!r} {path} has rank {rank} and {CONFIG} says {named}: write the adapter again")
    alpha = float(_patterned(config.get("alpha_pattern"), path, config["lora_alpha"]))
    return alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank


def _patterned(patterns: Mapping[str, Any] | None, path: str, otherwise: Any) -> Any:
    """The value of the first pattern that matches the end of `path`, as PEFT reads rank_pattern and alpha_pattern."""
    return next((value for key, value in (patterns or {}).items() if re.match(rf"(.*\.)?({key})$", path)), otherwise)
