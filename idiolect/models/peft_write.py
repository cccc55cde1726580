"""Adapters written to folders in PEFT's format, which vLLM, LoRAX and PEFT load; torch is not needed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save_file

from idiolect.errors import ModelError, StoreError
from idiolect.types import Adapter, digest

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
ROOT = "base_model.model."  # stands before every path in PEFT's files
SETTING = "idiolect_config"  # in the weights' metadata: which configuration they were written with


def write_peft(adapter: Adapter, folder: str | Path, base_model_name: str, note: tuple[str, str] | None = None) -> None:
    """Write the adapter as PEFT would. A new folder appears whole or not at all.

    With a `note` (a file's name and text), which then stands beside the two files, all is for its owner alone to read.

    In a folder that is there, other files stay; a write that was interrupted between the two files is noticed by `read_peft`.
    Raises StoreError where the disk refuses, with what was there before untouched, and ModelError for a bottleneck: PEFT has none.
    """
    folder = Path(folder)
    if adapter.activation != "none":
        what = f"the adapter {adapter.name or adapter.digest} is a bottleneck with {adapter.activation}"
        raise ModelError(f"{what}, and PEFT's format holds only LoRAs: keep it in a store, or train a LoRA to be exported")
    text = json.dumps(_settings(adapter, base_model_name), indent=2, sort_keys=True) + "\n"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            _write(adapter, draft, text, note)
            _publish(draft, folder, private=note is not None)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"the adapter cannot be written to {str(folder)!r}: {error}; what was there before is whole") from error


def _settings(adapter: Adapter, base_model_name: str) -> dict[str, Any]:
    ranks = {path: int(a.shape[0]) for path, (a, _) in adapter.modules.items()}
    rank = max(ranks.values(), default=1)
    others = {path: own for path, own in ranks.items() if own != rank}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base_model_name,
        "inference_mode": True,
        "bias": "none",
        "r": rank,
        "lora_alpha": _number(adapter.scale * rank),
        "lora_dropout": 0.0,
        "target_modules": sorted(ranks),
        "rank_pattern": others,
        "alpha_pattern": {path: _number(adapter.scale * own) for path, own in others.items()},
    }


def _number(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def _write(adapter: Adapter, draft: Path, text: str, note: tuple[str, str] | None) -> None:
    tensors = {}
    for path, (a, b) in adapter.modules.items():
        tensors[f"{ROOT}{path}.lora_A.weight"] = np.ascontiguousarray(a, np.float32)
        tensors[f"{ROOT}{path}.lora_B.weight"] = np.ascontiguousarray(b, np.float32)
    save_file(tensors, draft / WEIGHTS, metadata={"format": "pt", SETTING: digest(text)})
    for name, content in [(CONFIG, text), *([note] if note else [])]:
        (draft / name).write_text(content, encoding="utf-8")
    for file in draft.iterdir():
        with open(file, "rb+") as written:
            os.fsync(written.fileno())


def _publish(draft: Path, folder: Path, private: bool) -> None:
    if not private:
        draft.chmod(0o755)  # a temporary folder is private
    if not folder.exists():
        draft.rename(folder)
        return
    for name in (WEIGHTS, CONFIG):
        os.replace(draft / name, folder / name)
