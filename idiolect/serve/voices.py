"""Models as the server asks them: one on this machine decodes for everybody together, an endpoint is asked by many at once."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idiolect.errors import ModelError
from idiolect.models.lm import LM
from idiolect.models.speech import Voice
from idiolect.serve.settings import Settings


def name_of(spec: str) -> str:
    """Under which name a model is served: of "http://host/v1#NAME" the NAME, of a folder its last part, else as it is."""
    if "://" in spec:
        return spec.partition("#")[2] or spec
    return posixpath.basename(spec.rstrip("/\\").replace("\\", "/")) if Path(spec).is_dir() else spec


def opened(models: Sequence[tuple[str, LM]], settings: Settings) -> tuple[dict[str, Voice], dict[str, str]]:
    """The voices of models, each given as (what `--model` says, the model), and those specs, both by the served name.

    Raises ModelError for two of one name.
    """
    voices: dict[str, Voice] = {}
    specs: dict[str, str] = {}
    for spec, lm in models:
        name = name_of(spec)
        if name in voices:
            raise ModelError(f"two models are called {name!r}: {specs[name]} and {spec}; serve them from two servers")
        voices[name], specs[name] = voice(lm, settings), spec
    return voices, specs


def voice(lm: LM, settings: Settings) -> Voice:
    """A model's voice: of one that is known here its own way of answering many, of any other one threads."""
    from idiolect.models.remote import RemoteLM  # imported late: torch is needed for a local model only

    if isinstance(lm, RemoteLM):
        from idiolect.models.asking import Asking

        return Asking(lm, most_running=settings.most_rows, most_waiting=settings.most_waiting)
    if hasattr(lm, "engine"):
        from idiolect.models.continuous import Continuous

        own: Any = lm  # a local one, whose class is not named here: that would import torch
        return Continuous(own, most_rows=settings.most_rows, most_waiting=settings.most_waiting)
    from idiolect.models.speech import Threaded

    return Threaded(lm, most_running=settings.threads, most_waiting=settings.most_waiting)
