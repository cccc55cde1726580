"""An answer as it is being written: tokens come in, text comes out, and the end is noticed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from idiolect.types import Sampling


class Writing:
    """One answer. `done` after an end token, a stop string, or `limit` tokens; only the last is a finish of "length"."""

    def __init__(self, tokenizer: Any, sampling: Sampling, limit: int, ends: Collection[int]) -> None:
        self.tokenizer, self.limit = tokenizer, limit
        self.stops = tuple(stop for stop in sampling.stop if stop)
        self.ends = frozenset(ends) | _special(tokenizer, self.stops)
        self.reach = max((len(stop.encode()) for stop in self.stops), default=0) + 4  # tokens that can hold a stop string
        self.tokens: list[int] = []
        self.finish: Literal["stop", "length"] = "length"
        self.done = False
        self._told = 0  # characters already streamed

    def add(self, token: int) -> None:
        """The next token."""
        if token in self.ends:
            self.done, self.finish = True, "stop"
            return
        self.tokens.append(token)
        if self.stops and any(stop in self._decode(self.tokens[-self.reach :]) for stop in self.stops):
            self.done, self.finish = True, "stop"
        elif len(self.tokens) >= self.limit:
            self.done = True

    @property
    def text(self) -> str:
        """The text so far, up to the first stop string."""
        text = self._decode(self.tokens)
        return text[: min((at for stop in self.stops if (at := text.find(stop)) >= 0), default=len(text))]

    def piece(self) -> str:
        """What can be told since the last call: not half a character, nor what may yet turn out to be a stop string."""
        text = self.text
        safe = text if self.done else text.rstrip("\ufffd")
        end = len(safe) - (0 if self.done else self._hanging(safe))
        piece = safe[self._told : end]
        self._told = max(self._told, end)
        return piece

    def _hanging(self, text: str) -> int:
        """How many characters at the end begin a stop string."""
        lengths = (n for stop in self.stops for n in range(1, len(stop)) if text.endswith(stop[:n]))
        return max(lengths, default=0)

    def _decode(self, tokens: list[int]) -> str:
        return str(self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _special(tokenizer: Any, stops: Collection[str]) -> frozenset[int]:
    """Stop strings that are one special token, which decoding would hide."""
    known = dict(zip(tokenizer.all_special_tokens, tokenizer.all_special_ids, strict=False))
    return frozenset(known[stop] for stop in stops if stop in known)
