"""Memories of one shape, to be compared: this project's index, mem0 with its embedded qdrant, and LangGraph's SQLite store.

mem0 and LangGraph's store are not dependencies: `pip install --target SITE mem0ai langgraph-checkpoint-sqlite qdrant-client langmem`
(and pysqlite3-binary, where Python's own sqlite3 loads no extensions), then `--site SITE`.
"""

from __future__ import annotations

import importlib
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from idiolect.retrieval.index import Index
from idiolect.store import Store
from idiolect.types import Floats, Record

People = Mapping[str, Sequence[str]]


class Known:
    """Embeddings that were made before, the same for everybody: what is measured is what comes after them."""

    name = "known"

    def __init__(self, vectors: Mapping[str, Floats]) -> None:
        self.vectors, self.width = vectors, len(next(iter(vectors.values())))

    def encode(self, texts: Sequence[str]) -> Floats:
        """(texts, width); what is not known gets a vector of its own."""
        return np.stack([self.one(text) for text in texts]) if texts else np.zeros((0, self.width), np.float32)

    def one(self, text: str) -> Floats:
        """(width,)"""
        found = self.vectors.get(text.strip())
        return found if found is not None else np.random.default_rng(len(text)).normal(size=self.width).astype(np.float32)


class Kept(Protocol):
    """A memory of many people."""

    def fill(self, people: People) -> None:
        """Keep everybody's texts, with their vectors."""

    def search(self, user_id: str, query: str) -> list[str]:
        """The five nearest texts of a person."""

    def close(self) -> None:
        """Let go of its files."""


class Ours:
    """`Index` over a `Store`: a person's records in a call, vectors in batches. `together`: so many records a call, as one person's."""

    def __init__(self, folder: Path, known: Known | None, together: int = 0) -> None:
        self.store = Store(folder / "people.db")
        self.index, self.together = Index(self.store, known), together

    def fill(self, people: People) -> None:
        """Records, then vectors."""
        if self.together:
            every = [text for texts in people.values() for text in texts]
            people = {str(at): every[at : at + self.together] for at in range(0, len(every), self.together)}
        for user_id, texts in people.items():
            self.index.add(user_id, [Record("", text, float(at)) for at, text in enumerate(texts)])
        if self.index.embedder:
            self.index.complete()

    def search(self, user_id: str, query: str) -> list[str]:
        """By vectors."""
        return [record.answer for record in self.index.search(user_id, query, 5)]

    def close(self) -> None:
        """The store."""
        self.store.close()


class Mem0:
    """mem0ai with its default store, qdrant in a folder; infer=False: no model is asked, each text is kept as it is."""

    def __init__(self, folder: Path, known: Known) -> None:
        kept = {"path": str(folder / "qdrant"), "embedding_model_dims": known.width, "on_disk": True}
        config = {"vector_store": {"provider": "qdrant", "config": kept}, "history_db_path": str(folder / "history.db")}
        self.memory = importlib.import_module("mem0").Memory.from_config(config)
        self.memory.embedding_model = _Mem0Embedder(known)

    def fill(self, people: People) -> None:
        """One call a text: it has no other."""
        for user_id, texts in people.items():
            for text in texts:
                self.memory.add(text, user_id=user_id, infer=False)

    def search(self, user_id: str, query: str) -> list[str]:
        """By vectors, over-fetching as it does."""
        found = self.memory.search(query, filters={"user_id": user_id}, top_k=5)
        return [one["memory"] for one in found["results"]]

    def close(self) -> None:
        """The folder is locked until then."""
        self.memory.vector_store.client.close()


class _Mem0Embedder:
    def __init__(self, known: Known) -> None:
        self.known = known

    def embed(self, text: str, memory_action: str = "add") -> list[float]:
        """As mem0's embedders give it."""
        return [float(number) for number in self.known.one(text)]

    def embed_batch(self, texts: list[str], memory_action: str = "add") -> list[list[float]]:
        """As mem0's embedders give it."""
        return [self.embed(text) for text in texts]


class LangGraph:
    """The store that LangMem's tools write to and search: LangGraph's in SQLite, a namespace a person; 40 texts in a batch."""

    def __init__(self, folder: Path, known: Known) -> None:
        module = importlib.import_module("langgraph.store.sqlite")
        self.put = importlib.import_module("langgraph.store.base").PutOp
        index = {"dims": known.width, "embed": lambda texts: [known.one(text).tolist() for text in texts], "fields": ["content"]}
        self._opened = module.SqliteStore.from_conn_string(str(folder / "langgraph.db"), index=index)
        self.store: Any = self._opened.__enter__()
        self.store.setup()

    def fill(self, people: People) -> None:
        """A batch a person."""
        for user_id, texts in people.items():
            self.store.batch([self.put(("memories", user_id), str(at), {"content": text}, ["content"]) for at, text in enumerate(texts)])

    def search(self, user_id: str, query: str) -> list[str]:
        """In the person's namespace, as LangMem's search tool does."""
        return [item.value["content"] for item in self.store.search(("memories", user_id), query=query, limit=5)]

    def close(self) -> None:
        """The connection."""
        self._opened.__exit__(None, None, None)


PEERS = {"mem0 + qdrant": (Mem0, ("mem0", "qdrant_client")), "LangGraph SQLite": (LangGraph, ("langgraph.store.sqlite", "sqlite_vec"))}


def available(site: Path | None) -> dict[str, type[Any]]:
    """The peers that can be imported; of the others it is said how to install them."""
    if site is not None:
        sys.path.append(str(site))
    os.environ |= {"MEM0_TELEMETRY": "False", "MEM0_DIR": tempfile.gettempdir(), "OPENAI_API_KEY": "none is asked"}
    found = {}
    for name, (peer, modules) in PEERS.items():
        try:
            with _extensible():
                for module in modules:
                    importlib.import_module(module)
            found[name] = peer
        except ImportError as error:
            sys.stdout.write(f"{name} is left out ({error}): {' '.join((__doc__ or '').split(chr(10), 2)[2].split())}\n")
    return found


@contextmanager
def _extensible() -> Iterator[None]:
    """What is imported meanwhile gets a sqlite3 that loads extensions, which not every Python has; nobody else does."""
    own = sqlite3
    try:
        if not hasattr(sqlite3.Connection, "enable_load_extension"):
            sys.modules["sqlite3"] = importlib.import_module("pysqlite3")
        yield
    finally:
        sys.modules["sqlite3"] = own
