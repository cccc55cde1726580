"""What turns texts into vectors for an index: hashed words, a sentence-transformers model, or an OpenAI-compatible endpoint.

Each is asked for its width, which is never assumed: a model of another size under the same name is another embedder.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from idiolect.errors import ModelError
from idiolect.models.endpoint import Endpoint
from idiolect.retrieval.dense import MINILM, encoder
from idiolect.retrieval.embedders import embed, unit
from idiolect.store.spaces import Space
from idiolect.types import Floats

PROBES = (  # what an embedder makes of these says which it is: changing one makes every store's vectors strangers
    "The kettle is on and the rain has stopped.",
    "Fix a crash when the file is empty.",
    "def area(radius): return 3.14159 * radius ** 2",
    "Der Zug um acht hatte wieder zwanzig Minuten Verspätung.",
    "I would rather have tea than coffee, please.",
    "Quarterly revenue rose by 4 % to 12.7 million.",
)
SENT_AT_ONCE = 128  # texts in one call of an endpoint


class Embedder(Protocol):
    """Texts in, vectors out. `name` is for people; `width` is the embedder's own answer."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def width(self) -> int:
        """How many numbers it gives for a text."""
        ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """(texts, width) float32."""
        ...


class HashedWords:
    """Words hashed into slots: needs no model and no network, and knows no synonyms."""

    name = "hash"

    @property
    def width(self) -> int:
        """As many as there are slots."""
        return int(embed([""]).shape[1])

    def encode(self, texts: Sequence[str]) -> Floats:
        """(texts, width), a text without words is zeros."""
        return embed(texts)


class SentenceModel:
    """A sentence-transformers model, by its name or folder; MiniLM works offline where its package is installed.

    Raises MissingExtra without sentence-transformers and ModelError for a model that cannot be loaded, when it is first asked.
    """

    def __init__(self, model: str = MINILM, batch: int = 32) -> None:
        self.model, self.batch = model, batch

    @property
    def name(self) -> str:
        """The model's name, of a folder its last part: where it lies on this machine is nobody's business."""
        return Path(self.model).name

    @property
    def width(self) -> int:
        """As the model says, or as its vectors show."""
        said = encoder(self.model).get_embedding_dimension()
        return int(said) if said else int(self.encode(PROBES[:1]).shape[1])

    def encode(self, texts: Sequence[str]) -> Floats:
        """(texts, width); longer texts than the model takes are cut by it."""
        if not texts:
            return np.zeros((0, self.width), np.float32)
        made = encoder(self.model).encode(list(texts), batch_size=self.batch, show_progress_bar=False)
        return np.asarray(made, np.float32)


class EndpointModel:
    """The model `model` of an OpenAI-compatible endpoint's /embeddings ("http://host:port/v1"), asked as `Endpoint` asks.

    Raises EndpointError where it fails for good, or answers something else than one vector a text.
    """

    def __init__(self, url: str, model: str, api_key: str | None = None, timeout: float = 120.0, retries: int = 4) -> None:
        self._endpoint = Endpoint(url, api_key, timeout, retries, 1)
        self.model, self._width = model, 0

    @property
    def name(self) -> str:
        """The model's name, without the host: the same model elsewhere is the same embedder."""
        return self.model

    @property
    def width(self) -> int:
        """As its first vector shows."""
        self._width = self._width or int(self._asked(list(PROBES[:1])).shape[1])
        return self._width

    def encode(self, texts: Sequence[str]) -> Floats:
        """(texts, width), in calls of at most `SENT_AT_ONCE` texts."""
        if not texts:
            return np.zeros((0, self.width), np.float32)
        return np.concatenate([self._asked(list(texts[at : at + SENT_AT_ONCE])) for at in range(0, len(texts), SENT_AT_ONCE)])

    def close(self) -> None:
        """Close the connections."""
        self._endpoint.close()

    def _asked(self, texts: list[str]) -> Floats:
        body = {"model": self.model, "input": [text if text.strip() else " . " for text in texts], "encoding_format": "float"}
        said = self._endpoint.ask("embeddings", body)
        with self._endpoint.understood(said):
            rows: dict[int, Any] = {int(one["index"]): one["embedding"] for one in said["data"]}
            made: Floats = np.array([rows[at] for at in range(len(texts))], np.float32)
        if made.ndim != 2 or len(rows) != len(texts):
            raise self._endpoint.failed(f"was sent {len(texts)} texts and gave {len(rows)} vectors; is {self.model!r} an embedder?")
        return made


def open_embedder(named: str) -> Embedder:
    """ "hash", "minilm", a sentence-transformers name or folder, or an endpoint: http://HOST:PORT/v1#MODEL."""
    if named.startswith(("http://", "https://")):
        url, _, model = named.partition("#")
        if not model:
            raise ModelError(f"{named} names no model; say which: {url}#MODEL")
        return EndpointModel(url, model)
    if named == HashedWords.name:
        return HashedWords()
    return SentenceModel(MINILM if named == "minilm" else named)


def encoded(embedder: Embedder, texts: Sequence[str]) -> Floats:
    """(texts, width), each of length 1. Raises ModelError where the embedder gives another shape, or no numbers."""
    made = np.asarray(embedder.encode(texts), np.float32)
    if made.shape != (len(texts), embedder.width):
        raise ModelError(
            f"the embedder {embedder.name!r} gave {made.shape} for {len(texts)} texts and says that it is {embedder.width} wide"
        )
    if not np.isfinite(made).all():
        row = int(np.flatnonzero(~np.isfinite(made).all(axis=1))[0])
        raise ModelError(f"the embedder {embedder.name!r} gave something that is no number for text {row} ({texts[row][:60]!r})")
    return unit(made)


def space_of(embedder: Embedder) -> Space:
    """The space that an embedder's vectors lie in. Raises ModelError as `encoded` does."""
    return Space(embedder.name, encoded(embedder, PROBES))
