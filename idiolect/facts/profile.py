"""Profilers: functions from a person's records to a text about them; and a state that keeps a profile until the records change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from idiolect.models.lm import LM
from idiolect.retrieval.bm25 import words
from idiolect.types import History, Record, State, ask
from idiolect.wording import PROFILE, SUMMARIZE, clip, describe, quote

Profiler = Callable[[Sequence[Record]], str]

KEYWORDS = "Often writes about:"
LONG = 4  # letters: shorter words say little, except where words are not written with spaces
NEWEST = 10  # records that a model summarizes
SUMMARY_TOKENS = 80


def summary(records: Sequence[Record], lm: LM, newest: int = NEWEST, tokens: int = SUMMARY_TOKENS, instruction: str = SUMMARIZE) -> str:
    """What a model writes about the person in one call; "" for no records. `instruction` has {history} where the records go."""
    if not records:
        return ""
    shown = quote(History(records).newest(newest))
    return lm.generate([ask(instruction.replace("{history}", shown), max_tokens=tokens)])[0].text.strip()


def counted(records: Sequence[Record]) -> str:
    """How the person writes, counted (`wording.describe`); no model is asked."""
    return describe(records)


def keywords(records: Sequence[Record], most: int = 10) -> str:
    """The words that most of the person's answers have in common, but for those in more than half of them; "" for none."""
    held = Counter(word for record in records for word in set(words(record.answer)) if len(word) >= LONG or not word.isascii())
    often = [(word, count) for word, count in held.items() if 2 <= count <= max(2, len(records) / 2)]
    best = [word for word, _ in sorted(often, key=lambda one: (-one[1], one[0]))[:most]]
    return f"{KEYWORDS} {', '.join(best)}." if best else ""


def joined(*profilers: Profiler, words: int = 200) -> Profiler:
    """One profiler of several: their texts one after another, at most `words` words of each."""
    return lambda records: " ".join(filter(None, (clip(profiler(records), words) for profiler in profilers)))


def profiled(state: State, records: History, profiler: Profiler) -> State:
    """A state whose text is the profile of `records`: the one given where it is of the same records, or else made anew.

    `numbers["profiled"]` names the records, in 48 bits of their digest.
    """
    mark = float(int(records.digest[:12], 16))
    if state.numbers.get("profiled") == mark:
        return state
    return State(text=profiler(records), records=records, numbers={**state.numbers, "profiled": mark}, facts=state.facts)


__all__ = ["KEYWORDS", "PROFILE", "Profiler", "counted", "joined", "keywords", "profiled", "summary"]
