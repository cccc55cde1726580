"""The prompt builder: what is told of a person before the question, within a budget of tokens, and what was left out and why.

The question is never cut. Pieces are given best first and the first that fit are told, in the order that reads best; a
piece is told whole or not at all, except that a single `open` one may be clipped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from idiolect.models.lm import LM, estimated
from idiolect.retrieval import rank
from idiolect.types import Record, Request
from idiolect.wording import QUOTED, quote_one

MARGIN = 16  # tokens a chat template may put around a message
LEAST = 8  # tokens: a clipped piece is not worth less


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing to tell: its text, and what it comes from, as a reply names it ("record:<id>", "profile", "fact:<id>")."""

    text: str
    because: tuple[str, ...] = ()
    time: float = 0.0  # pieces of a section are told in this order
    open: bool = False  # may be clipped to the room there is


@dataclass(frozen=True, slots=True)
class Section:
    """Pieces under one heading, best first; a heading is told only with a piece. `join` stands between them."""

    pieces: tuple[Piece, ...]
    heading: str = ""
    join: str = "\n\n"


def quoted(records: Iterable[Record], heading: str = QUOTED, word: Callable[[Record], str] = quote_one) -> Section:
    """A section of records, best first, worded by `word`."""
    return Section(tuple(Piece(word(record), (f"record:{record.id}",), record.time) for record in records), heading)


def profile(text: str, because: Sequence[str] = ("profile",)) -> Section:
    """A section of one text, which may be clipped."""
    return Section((Piece(text, tuple(because), open=True),) if text else ())


def build(request: Request, sections: Sequence[Section], lm: LM, budget: int | None = None) -> Request:
    """`request` told as much of `sections` as `budget` tokens hold; left out: what the model's window leaves, or all.

    Room is given piece by piece, a section's first before any section's second, so that no section crowds out another; where not
    all of it fits, a piece that may be clipped takes half of what is left at most. What did not fit is named in the reasons:
    "left out:record:<id>, 31 tokens, of 12 that were left".
    """
    room = _room(request, lm) if budget is None else budget
    told, missing = ([list(section.pieces) for section in sections], []) if room is None else _fitted(sections, lm, room)
    for section, pieces in zip(sections, told, strict=True):
        pieces.sort(key=lambda piece: piece.time)
        text = section.join.join(filter(None, [section.heading, *(piece.text for piece in pieces)])) if pieces else ""
        request = request.told(text, because=[source for piece in pieces for source in piece.because])
    return replace(request, because=(*request.because, *missing))


def _fitted(sections: Sequence[Section], lm: LM, left: int) -> tuple[list[list[Piece]], list[str]]:
    """The pieces of each section that `left` tokens hold, and why the others are left out. Each text is counted once."""
    turns = list(_by_turns(sections))
    last = {place: number for number, (place, _) in enumerate(turns, start=1)}
    heads = [count(lm, section.heading + section.join) if section.heading else 0 for section in sections]
    bare = [count(lm, piece.text + sections[place].join) for place, piece in turns]
    tight = sum(bare) + sum(heads[place] for place in last) > left
    told: list[list[Piece]] = [[] for _ in sections]
    missing: list[str] = []
    for number, ((place, piece), cost) in enumerate(zip(turns, bare, strict=True), start=1):
        cost += 0 if told[place] else heads[place]
        others_wait = any(end > number for other, end in last.items() if other != place)
        room = left // 2 if piece.open and tight and others_wait else left
        if cost > room:
            missing += [f"left out:{source}, {cost} tokens, of {room} that were left" for source in piece.because]
            if not piece.open or room < LEAST:
                continue
            piece, cost = replace(piece, text=clipped(piece.text, room, lm)), room
        told[place].append(piece)
        left -= cost
    return told, missing


def quoting(request: Request, records: Sequence[Record], k: int, lm: LM, ranker: str = "bm25") -> Request:
    """`request` told the `k` records nearest to its question, by the ranker of that name, within the model's window."""
    return build(request, [quoted(rank(records, ranker).search(request.question, k))], lm)


def count(lm: LM, text: str) -> int:
    """Tokens of a text, as the model counts them where it can tell, or else estimated from its bytes."""
    tokens = getattr(lm, "tokens", None)
    return int(tokens(text)) if tokens is not None else estimated(text)


def clipped(text: str, tokens: int, lm: LM) -> str:
    """The first words of a text that `tokens` hold, and " ..."."""
    words = text.split()
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(lm, " ".join(words[:middle]) + " ...") <= tokens else (low, middle - 1)
    return " ".join(words[:low]) + " ..." if low < len(words) else text


def _room(request: Request, lm: LM) -> int | None:
    """What the model's window leaves beside the messages and the answer; None where the model does not say how long it is."""
    window = getattr(lm, "window", None)
    if window is None:
        return None
    asked = sum(count(lm, message.content) + MARGIN for message in request.messages)
    prefix = len(request.prefix.vectors) if request.prefix else 0
    return max(0, int(window) - asked - request.sampling.max_tokens - prefix - MARGIN)


def _by_turns(sections: Sequence[Section]) -> Iterator[tuple[int, Piece]]:
    """All pieces, each after the place of its section: everybody's first, everybody's second, and so on."""
    turns = max((len(section.pieces) for section in sections), default=0)
    for turn in range(turns):
        yield from ((place, section.pieces[turn]) for place, section in enumerate(sections) if turn < len(section.pieces))
