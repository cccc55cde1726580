"""A conversation as questions and answers about it, some of them about what was not said (Magister et al., L2M2 2025, arXiv:2411.13405)."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from idiolect.models.lm import LM
from idiolect.training.loop import Pair
from idiolect.types import History, Record, ask, digest
from idiolect.wording import GIST_WORDS, about, clip

RECALL = "What did I write about this?\n\n{gist}"
CHECK = "Did I write this?\n\nAbout: {gist}\nWrote: {answer}"
YES, NO = "Yes.", "No."
TEACH = (
    "Here is a conversation.\n\nAsked: {prompt}\nAnswered: {answer}\n\nWrite {count} questions about it, each on a line that begins "
    "with Q: and under each its answer on a line that begins with A:"
)
_WRITTEN = re.compile(r"^\s*Q:\s*(\S.*?)\s*\n\s*A:\s*(\S.*?)\s*$", re.MULTILINE)


def remembered(record: Record, earlier: History, seed: int = 0) -> list[Pair]:
    """Questions about one conversation: what was written, that it was, and, with something `earlier`, that something else was not.

    What was not said is an earlier answer of the same person's put beside this question: nobody else's words are needed. As many
    answers are no as yes, so that always saying yes is right half of the time.
    """
    gist = clip(about(record.prompt), GIST_WORDS)
    made = [(ask(RECALL.format(gist=gist)), record.answer)] if gist else []
    others = sorted({other.answer for other in earlier} - {record.answer})
    if gist and others:
        wrong = random.Random(digest(str(seed), record.id)).choice(others)
        made += [(ask(CHECK.format(gist=gist, answer=answer)), said) for answer, said in ((record.answer, YES), (wrong, NO))]
    return made


def taught(lm: LM, records: Sequence[Record], count: int, tokens: int = 256) -> list[list[Pair]]:
    """`count` questions about each record with their answers, written by the model itself; what does not keep the form is left out."""
    asked = [ask(TEACH.format(prompt=r.prompt, answer=r.answer, count=count), max_tokens=tokens) for r in records]
    replies = lm.generate(asked) if count and asked else []
    found = [[(ask(question), answer) for question, answer in _WRITTEN.findall(reply.text)][:count] for reply in replies]
    return found or [[] for _ in records]
