"""Requests and answers as token ids that fit the model's window. The question is the last thing to be cut."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from idiolect.errors import ModelError
from idiolect.models.chat import clean, disarmed, render
from idiolect.types import Message

ELLIPSIS = " ... "  # stands where the middle of a question was left out


@dataclass(frozen=True, slots=True)
class Encoded:
    """One row of token ids: the prompt and, where one is given, the answer after it (tokenized apart, then put together)."""

    ids: tuple[int, ...]
    answer: int = 0  # how many of the last ids are the answer's
    chars: int = 0  # of the answer's text
    dropped: int = 0  # prompt tokens left out because the window is too small

    @property
    def prompt(self) -> int:
        """Tokens before the answer."""
        return len(self.ids) - self.answer

    def answered(self, answer: tuple[int, ...], chars: int) -> Encoded:
        """The same prompt with an answer after it."""
        return Encoded(self.ids + answer, len(answer), chars, self.dropped)


class Encoder:
    """A tokenizer, and the rules for text beyond the window."""

    def __init__(self, tokenizer: Any, window: int) -> None:
        self.tokenizer, self.window = tokenizer, window
        self._lock = threading.Lock()
        added = (token.content for token in tokenizer.added_tokens_decoder.values() if token.special)
        self.special = sorted({*tokenizer.all_special_tokens, *added}, key=len, reverse=True)

    def prompt(self, messages: Sequence[Message], room: int) -> Encoded:
        """The messages in at most `room` tokens.

        Left out first: the start of the system message; then whole earlier exchanges, oldest first;
        then the middle of the question. Raises ModelError where not even the roles' markers fit.
        """
        kept = [Message(message.role, disarmed(clean(message.content), self.special)) for message in messages]
        ids = self._render(kept)
        whole = len(ids)
        if len(ids) > room and kept[0].role == "system":
            kept, ids = self._cut(kept, ids, 0, room)
        while len(ids) > room and (oldest := _oldest_exchange(kept)):
            kept = [message for message in kept if not any(message is gone for gone in oldest)]
            ids = self._render(kept)
        if len(ids) > room:
            kept, ids = self._cut(kept, ids, len(kept) - 1, room)
        if len(ids) > room:
            raise ModelError(f"{room} tokens are left for the prompt in a window of {self.window}: too few; ask for fewer max_tokens")
        return Encoded(tuple(ids), dropped=max(whole - len(ids), 0))

    def answer(self, text: str) -> tuple[tuple[int, ...], int]:
        """Token ids of a given answer, without an end token, and how many characters they spell.

        An answer longer than half the window is cut there, whatever the prompt, so that its scores under
        different prompts speak of the same characters.
        """
        text = clean(text)
        ids, room = self.tokens(text), self.window // 2
        if len(ids) <= room:
            return tuple(ids), len(text)
        spans = self._spans(text)
        while room > 1 and spans[room][0] < spans[room - 1][1]:  # several tokens may spell one character
            room -= 1
        return tuple(ids[:room]), spans[room - 1][1]

    def tokens(self, text: str) -> list[int]:
        """Token ids of `text` alone, no special tokens added."""
        return list(self._read(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])

    def _read(self, text: str, **how: bool) -> Any:
        """What the tokenizer makes of `text`, in one thread at a time: how special tokens are read is a switch on what all share."""
        with self._lock:
            return self.tokenizer(text, verbose=False, **how)

    def _render(self, messages: Sequence[Message]) -> list[int]:
        plain = not getattr(self.tokenizer, "chat_template", None)  # a template writes its own special tokens
        ids = list(self._read(render(self.tokenizer, messages), add_special_tokens=plain)["input_ids"])
        return ids or [_first_of(self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, 0)]

    def _cut(self, messages: list[Message], ids: list[int], place: int, room: int) -> tuple[list[Message], list[int]]:
        """Shorten one message until everything fits, or nothing of it is left. A cut text may tokenize anew: hence the loop."""
        message, is_question = messages[place], place == len(messages) - 1
        spans = self._spans(message.content)
        keep = len(spans)
        while len(ids) > room and keep > 0:
            keep = max(keep - (len(ids) - room), 0)
            text = _ends(message.content, spans, keep) if is_question else _end(message.content, spans, keep)
            left = [Message(message.role, text)] if text or is_question else []
            cut = messages[:place] + left + messages[place + 1 :]
            ids = self._render(cut)
        return cut, ids

    def _spans(self, text: str) -> list[tuple[int, int]]:
        """Where each token of `text` begins and ends, in characters."""
        if getattr(self.tokenizer, "is_fast", False):
            made = self._read(text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True)
            return [(int(start), int(end)) for start, end in made["offset_mapping"]]
        count = len(self.tokens(text))  # a tokenizer without offsets: as if all tokens were equally long
        edges = [len(text) * i // max(count, 1) for i in range(count + 1)]
        return list(pairwise(edges))


def _end(text: str, spans: Sequence[tuple[int, int]], keep: int) -> str:
    return text[spans[-keep][0] :] if keep else ""


def _ends(text: str, spans: Sequence[tuple[int, int]], keep: int) -> str:
    head = keep // 2
    start = text[: spans[head - 1][1]] if head else ""
    return start + ELLIPSIS + _end(text, spans, keep - head) if keep else ""


def _oldest_exchange(messages: Sequence[Message]) -> Sequence[Message]:
    """The first turns before the question, up to the next user message; whole, because templates want roles to alternate."""
    first = 1 if messages[0].role == "system" else 0
    turns = messages[first:-1]
    users = [i for i, message in enumerate(turns) if message.role == "user" and i > 0]
    return turns[: users[0]] if users else turns


def _first_of(*ids: int | None) -> int:
    return next(i for i in ids if i is not None)
