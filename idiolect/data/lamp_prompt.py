"""LaMP's prompts: records in a task's words, with a budget of tokens; as published, and as it should be."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any, Protocol

from idiolect.data.lamp import Form, Piece

JOIN = ", and "
QUESTION_SHARE = 0.6  # of the prompt's tokens is counted for the question at most
STEP = 0.1  # less of it at each further try
TITLES = "This author has written the papers with the titles {entries}."


class Tokens(Protocol):
    """What a budget is counted in. Marks that stand around every text, such as its end, are counted with it."""

    def count(self, text: str) -> int:
        """The tokens of `text`."""
        ...

    def cut(self, text: str, room: int) -> str:
        """The first tokens of `text`, at most `room`, put in words again, which may change its spaces."""
        ...


class Words:
    """Words between white space, and one token for the end: for models whose tokenizer is not at hand."""

    def count(self, text: str) -> int:
        """The words, and one."""
        return len(text.split()) + 1

    def cut(self, text: str, room: int) -> str:
        """The first `room` - 1 words."""
        return " ".join(text.split()[: max(0, room - 1)])


class Tokenizer:
    """A tokenizer of transformers, with the special tokens that it puts around a text."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def count(self, text: str) -> int:
        """The tokens of `text`."""
        return len(self._ids(text))

    def cut(self, text: str, room: int) -> str:
        """The first tokens, without special ones; "" where these alone take the room."""
        if room <= self.count(""):
            return ""
        ids = self._ids(text, truncation=True, max_length=room)
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    def _ids(self, text: str, **how: Any) -> list[int]:
        whole = text.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no text to a tokenizer
        return list(self._tokenizer(whole, verbose=False, **how)["input_ids"])


def tokens_of(lm: object) -> Tokens:
    """What a model's prompts are counted in: its own tokens where it has them here, else words."""
    tokenizer = getattr(lm, "tokenizer", None)
    return Words() if tokenizer is None else Tokenizer(tokenizer)


def published(form: Form, question: str, pieces: Sequence[Piece], limit: int, tokens: Tokens) -> tuple[str, int]:
    """The prompt as LaMP's code makes it, question included, cut at `limit` tokens, and how many records are in it: all or none.

    Each entry gets an equal share of what the question leaves, and what one does not use goes to the later ones only. Where a
    share is too small even for an entry's own words, less is kept for the question; in the end it stands alone. A question that
    is longer than its part loses its end. LongLaMP's prompts have no limit.
    """
    if form.long:
        return (put_together(form, question, [_entry(form, one) for one in pieces]), len(pieces)) if pieces else (question, 0)
    length, share = tokens.count(question), QUESTION_SHARE
    while pieces and share >= 0:
        entries = _shared(form, pieces, limit - min(length, math.floor(share * limit)), tokens)
        if entries is not None:
            return _within(put_together(form, question, entries), limit, tokens), len(pieces)
        share -= STEP
    return _within(question, limit, tokens), 0


def put_together(form: Form, question: str, entries: Sequence[str]) -> str:
    """Entries and question as one text. LaMP-1's entries stand inside the question, after its first "title"."""
    joined = JOIN.join(entries)
    if form.name == "LaMP-1":
        before, title, after = question.partition("title")
        return f"{before}{title}{JOIN}{joined}{after}" if title else f"{joined}. {question}"
    return _filled(form.all, entries=joined, input=question)


def told(form: Form, question: str, pieces: Sequence[Piece], limit: int, tokens: Tokens) -> tuple[str, int]:
    """What stands before the question, and how many of `pieces` are in it, from the first on: the same words without stray spaces.

    Nothing of the question or of a label is cut. Short texts leave their room to all others, and what is left is shared equally.
    A record whose own words do not fit is left out, the last first. Where the question takes more than its part of `limit`, the
    records still have the rest of it. LongLaMP's texts have no limit.
    """
    words = TITLES if form.name == "LaMP-1" else form.all.partition("{input}")[0].strip()
    room = limit - min(tokens.count(question), math.floor(QUESTION_SHARE * limit)) - tokens.count(words)
    fitted = list(pieces) if form.long else _fitted(form, pieces, room, tokens)
    joined = JOIN.join(_entry(form, one).strip() for one in fitted)
    return (_filled(words, entries=joined), len(fitted)) if fitted else ("", 0)


def _fitted(form: Form, pieces: Sequence[Piece], room: int, tokens: Tokens) -> list[Piece]:
    bare = [tokens.count(_entry(form, Piece("", one.label, ""))) + 2 for one in pieces]  # 2 for what joins it to the next
    kept = list(pieces)
    while kept and sum(bare[: len(kept)]) + len(kept) > room:
        kept.pop()
    rooms = fair([tokens.count(one.text) for one in kept], room - sum(bare[: len(kept)]))
    return [Piece(_within(one.text, size, tokens), one.label, "") for one, size in zip(kept, rooms, strict=True)]


def fair(sizes: Sequence[int], room: int) -> list[int]:
    """`room` shared out: everybody what they need where that is less than an equal share of what is left; never below 0."""
    given, left = [0] * len(sizes), max(0, room)
    for place, index in enumerate(sorted(range(len(sizes)), key=lambda i: sizes[i])):
        given[index] = min(sizes[index], left // (len(sizes) - place))
        left -= given[index]
    return given


def _shared(form: Form, pieces: Sequence[Piece], room: int, tokens: Tokens) -> list[str] | None:
    """Entries within `room` tokens; None where an entry's own words leave less than the marks around an empty text."""
    one_less = len(pieces) - 1
    room -= 2 * one_less + (form.name != "LaMP-1") + (tokens.count(form.counted) if form.counted else 0)
    share, saved, made = room // len(pieces), 0, []
    for one in pieces:
        fixed = 2 if form.name == "LaMP-1" else tokens.count(_filled(form.fixed or form.entry, text=" ", label=one.label))
        left = share + saved - fixed
        if left < tokens.count(""):
            return None
        saved += share - min(tokens.count(one.text), left) - fixed
        made.append(_entry(form, Piece(tokens.cut(one.text, left), one.label, "")))
    return made


def _within(text: str, room: int, tokens: Tokens) -> str:
    return text if tokens.count(text) <= room else tokens.cut(text, room)


def _entry(form: Form, one: Piece) -> str:
    return _filled(form.entry, text=one.text, label=one.label)


def _filled(words: str, **slots: str) -> str:
    """In one pass, so that braces in what a person wrote stay what they are."""
    return re.sub(r"\{(\w+)\}", lambda found: slots[found[1]], words)
