"""What of a person a model may see: what they consented to, what may be sent to it, and nothing that they had taken out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from idiolect.facts.extract import supported
from idiolect.facts.keep import FORBIDDEN
from idiolect.facts.telling import forbidden
from idiolect.retrieval.bm25 import words
from idiolect.retrieval.content import content
from idiolect.store.wishes import CONVERSATION, Gone, Wished
from idiolect.types import Fact, History, Record, User

CHAT = "chat:"  # the ids of records that were questions of a chat begin so
_SENTENCE = re.compile(r"[^.!?。！？\n]*[.!?。！？\n]*\s*")
_WORD = re.compile(r"\w+")
_AND = r"(?:and|but|und|aber|et|mais|y|pero|e|ma|mas|en|maar)"
_HANGING = re.compile(  # before the end of a sentence, and at its beginning
    rf"(?:[ \t,;:]+{_AND})?[ \t,;:]*(?=[.!?](?:\s|$))|(?:^|(?<=[.!?\n]))\s*[.,;:]+|(?:^|(?<=\n))\s*{_AND}\s", re.IGNORECASE
)

Placed = tuple[str, int, int]  # a word in small letters, where it begins and where it ends


def on_this_machine(model: str) -> bool:
    """Whether a model, as `--model` names it, answers on this machine: whatever has an address is taken to be elsewhere."""
    return bool(model) and "://" not in model


def is_chat(record: Record) -> bool:
    """Whether a record is a question of a chat that was kept as the person's words."""
    return record.id.startswith(CHAT)


def seen(user: User, wished: Wished, local: bool) -> User:
    """What of `user` a model may see, `local` or not. The same value where that is everything."""
    cuts = [Cut(one) for one in wished.gone]
    kept = [left for record in user.records if reaches(record, wished, local) and (left := without(record, cuts))]
    return user if kept == list(user.records) else User(user.id, History(kept))


def consented(record: Record, wished: Wished) -> bool:
    """Whether a person lets records of this kind be kept and learnt from."""
    return wished.allows(record.kind) and (wished.allows(CONVERSATION) or not is_chat(record))


def reaches(record: Record, wished: Wished, local: bool) -> bool:
    """Whether a record may be sent to a model."""
    return consented(record, wished) and wished.handling(record.id).reaches(local)


class Cut:
    """A text that is not to be told, and how it is found: word by word, and in sentences that have all its words that mean something."""

    def __init__(self, gone: Gone) -> None:
        self.gone = gone
        self._words = [word for word, _, _ in _placed(gone.text)]
        meant = sorted(set(content(gone.text)))
        key = " ".join(meant if len(meant) > 1 else words(gone.text))
        self.says = forbidden([Fact(gone.text, ("gone",), kind=FORBIDDEN, key=f"forbid:{key}")])

    def of(self, text: str) -> str:
        """A text without it; the text itself where nothing of it stands there."""
        spans = [(first[1], last[2]) for first, last in self._runs(_placed(text))]
        edges = [0, *(edge for span in spans for edge in span), len(text)]
        left = "".join(text[at:end] for at, end in zip(edges[::2], edges[1::2], strict=True))
        kept = "".join(sentence for sentence in _SENTENCE.findall(left) if not self.says(sentence))
        return text if kept == text else _tidy(kept)

    def _runs(self, placed: list[Placed]) -> Iterator[tuple[Placed, Placed]]:
        """The first and last words of every place where its words stand one after another."""
        at, size = 0, len(self._words)
        while size and at + size <= len(placed):
            found = [word for word, _, _ in placed[at : at + size]] == self._words
            if found:
                yield placed[at], placed[at + size - 1]
            at += size if found else 1


def without(record: Record, cuts: Iterable[Cut]) -> Record | None:
    """A record without what is not to be told; None where nothing of what the person said is left."""
    left = record
    for cut in cuts:
        if record.time <= cut.gone.until:
            left = _left(left, cut)
    return left if left is record or left.answer.strip() else None


def _left(record: Record, cut: Cut) -> Record:
    prompt, answer, other = (cut.of(text) for text in (record.prompt, record.answer, record.other))
    if answer == record.answer and record.id in cut.gone.sources:
        answer = _nearest_cut(answer, cut.gone.text)
    same = (prompt, answer, other) == (record.prompt, record.answer, record.other)
    return record if same else replace(record, prompt=prompt, answer=answer, other=other)


def _nearest_cut(text: str, gone: str) -> str:
    """A text without the sentence that a fact was read from, where it says it in other words."""
    sentences = _SENTENCE.findall(text)
    shared = [len(set(content(sentence)) & set(content(gone))) for sentence in sentences]
    best = max(range(len(sentences)), key=shared.__getitem__)
    if not shared[best] or not supported(gone, sentences[best]):
        return text
    return _tidy("".join(sentence for place, sentence in enumerate(sentences) if place != best))


def _placed(text: str) -> list[Placed]:
    return [(found.group().casefold(), found.start(), found.end()) for found in _WORD.finditer(text)]


def _tidy(text: str) -> str:
    """What a cut leaves, without the marks and conjunctions that hang in the air."""
    return re.sub(r"[ \t]{2,}", " ", _HANGING.sub("", text)).strip(" \t\n,;:")
