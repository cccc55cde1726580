"""How records and profiles are put in words. The bundled model was trained on exactly these wordings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from idiolect.types import Record

GIST_WORDS = 24  # of a quoted record's prompt
ANSWER_WORDS = 60  # of its answer
INSTRUCTION_WORDS = 20  # a longer first paragraph is part of the matter
QUOTED = "What the same person wrote before, oldest first:"
PROFILE = "How this person writes:"
SUMMARIZE = "Describe in 50 words the tastes and the style of the person who wrote:\n\n{history}"


def clip(text: str, words: int) -> str:
    """The first `words` words of `text`, with " ..." where something was left out. White space is folded."""
    split = text.split()
    return " ".join(split[:words]) + (" ..." if len(split) > words else "")


def about(prompt: str) -> str:
    """The matter of a question: what follows the first blank line where an instruction stands before it, or else all of it."""
    head, _, matter = prompt.partition("\n\n")
    return matter if matter.strip() and len(head.split()) <= INSTRUCTION_WORDS else prompt


def quote(records: Iterable[Record]) -> str:
    """Records as a prompt quotes them, in time order; "" for none."""
    blocks = [quote_one(record) for record in sorted(records, key=lambda record: record.time)]
    return "\n\n".join([QUOTED, *blocks]) if blocks else ""


def quote_one(record: Record) -> str:
    """One record: what it was about, shortened, and what the person wrote."""
    wrote = f"Wrote: {clip(record.answer, ANSWER_WORDS)}"
    return f"About: {clip(about(record.prompt), GIST_WORDS)}\n{wrote}" if record.prompt.strip() else wrote


def describe(records: Sequence[Record]) -> str:
    """A person's way of writing in three or four plain sentences, counted from their answers; "" for no records."""
    answers = [record.answer.strip() for record in records if record.answer.strip()]
    if not answers:
        return ""
    lengths = sorted(len(answer.split()) for answer in answers)
    sentences = [f"About {lengths[len(lengths) // 2]} words.", _capitals(answers), _ending(answers)]
    starts = _frequent([answer.split()[0] for answer in answers], least=2)
    words = _frequent([word for answer in answers for word in set(_content_words(answer))], least=2, most=8)
    if starts:
        sentences.append(f"Often starts with: {', '.join(starts)}.")
    if words:
        sentences.append(f"Often writes about: {', '.join(words)}.")
    return " ".join([PROFILE, *filter(None, sentences)])


def _capitals(answers: list[str]) -> str:
    upper = sum(answer[0].isupper() for answer in answers) / len(answers)
    titled = [word[0].isupper() for answer in answers for word in answer.split()[1:] if word[0].isalpha()]
    if titled and sum(titled) / len(titled) > 0.6:
        return "Capitalizes Every Word."
    return "Starts in lower case." if upper < 0.3 else "Starts with a capital." if upper > 0.7 else ""


def _ending(answers: list[str]) -> str:
    ends = Counter(answer[-1] for answer in answers if not answer[-1].isalnum())
    mark, count = ends.most_common(1)[0] if ends else ("", 0)
    if count / len(answers) > 0.5:
        return f"Ends with {mark}"
    return "No final punctuation." if sum(ends.values()) / len(answers) < 0.2 else ""


def _content_words(answer: str) -> list[str]:
    return [word for word in (raw.strip(".,:;!?()[]\"'`").lower() for raw in answer.split()) if len(word) > 3 and word not in COMMON]


def _frequent(words: list[str], least: int, most: int = 3) -> list[str]:
    counted = Counter(words).most_common(most)
    return [word for word, count in counted if count >= least]


COMMON = frozenset(
    "about after also been before being between both does each from have into more most much only other over same some such than that "
    "their them then there these they this those through under using very was were what when where which while will with without would "
    "your".split()
)
