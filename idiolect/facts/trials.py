"""Texts put to the test: a person's past questions asked again, each told a text and strictly earlier records, against their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.facts.outlines import near
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval.measures import alike
from idiolect.types import History, Record, Request, ask

EARLIER = 200  # records before a question, the newest, among which the quoted ones are found


@dataclass(frozen=True)
class Asking:
    """How a question is asked: with `k` records found by `ranker` beside the text, answered in `answer_tokens` tokens."""

    k: int = 2
    ranker: str = "bm25"
    answer_tokens: int = 32


@dataclass(frozen=True)
class Answered:
    """What the model said, and how alike its words are to the person's own, 0 to 1."""

    text: str
    worth: float


def tried(lm: LM, tests: Sequence[tuple[str, Record, History]], how: Asking) -> list[Answered]:
    """For each (text, record, the person's records): the model's answer to the record's question. Equal requests are put once.

    The records told are strictly earlier than the record; that the text is too is the caller's to see to.
    """
    found: dict[tuple[int, Record], list[Record]] = {}  # by whose record it is too: two people may have written the same
    requests: list[Request] = []
    for text, record, records in tests:
        whose = (id(records), record)
        if whose not in found:
            found[whose] = near(records.before(record).newest(EARLIER), record.prompt, how.k, how.ranker)
        asked = ask(record.prompt, max_tokens=how.answer_tokens)
        requests.append(build(asked, [profile(text), quoted(found[whose])], lm))
    different = list(dict.fromkeys(requests))
    replies = {request: reply.text for request, reply in zip(different, lm.generate(different), strict=True)}
    said = [replies[request] for request in requests]
    return [Answered(text, alike(text, record.answer)) for text, (_, record, _) in zip(said, tests, strict=True)]
