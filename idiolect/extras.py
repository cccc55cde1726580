"""Optional libraries: one place that names the extra to install when one is missing."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from idiolect.errors import MissingExtra

EXTRA = {  # library -> the extra of pyproject.toml that brings it
    "torch": "local",
    "transformers": "local",
    "tokenizers": "local",
    "safetensors": "local",
    "sentence_transformers": "dense",
    "pyarrow": "data",
    "ray": "scale",
    "rouge_score": "bench",
    "nltk": "bench",
    "sklearn": "bench",
    "matplotlib": "bench",
    "aiohttp": "serve",
    "cryptography": "serve",
    "fastapi": "serve",
    "uvicorn": "serve",
    "mcp": "serve",
    "prometheus_client": "serve",
    "psycopg": "postgres",
}


def need(library: str, what: str) -> ModuleType:
    """Import `library` for `what` ("OPPU"), or say which extra brings it. Raises MissingExtra."""
    if not have(library):
        extra = EXTRA.get(library.partition(".")[0], "all")
        raise MissingExtra(f"{what} needs {library}: pip install 'idiolect[{extra}]'")
    return importlib.import_module(library)


def have(library: str) -> bool:
    """Whether `library` can be imported here (without importing it)."""
    return importlib.util.find_spec(library.partition(".")[0]) is not None
