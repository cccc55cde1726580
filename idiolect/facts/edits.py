"""What an edit says of its author: length, layout, tone and wording, by a comparison of the draft with the text as they left it.

Nothing is asked of a model. Each difference is one aspect ("length", "list", "greeting", ...) and one sentence that a model can
be told; differences of single words ("words:...") say little alone and much where they recur.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from difflib import SequenceMatcher

WORDS = "words:"  # what the aspects of single words begin with
SHORTER, LONGER = 2 / 3, 3 / 2  # of the draft's words
SPAN = 3  # a replacement of more words is another sentence, no choice of words
_BULLET = re.compile(r"^\s*[-*\u2022] ", re.MULTILINE)
_NUMBER = re.compile(r"^\s*\d+[.)] ", re.MULTILINE)
_MARKDOWN = re.compile(r"\*\*|__|^#{1,6} ", re.MULTILINE)
_EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
_CONTRACTED = re.compile(r"\b\w+(?:n['\u2019]t|['\u2019](?:ll|re|ve|m))\b", re.IGNORECASE)
_TOKEN = re.compile(r"\w+(?:['\u2019-]\w+)*")
_GREETING = "hi hello hey dear hallo liebe lieber guten bonjour salut chère cher hola querido querida ciao caro cara olá beste"
_CLOSING = (
    "best kind warm regards sincerely cheers yours grüße gruß viele herzliche mit cordialement bien amicalement saludos "
    "atentamente saluti cordiali abraços groet groeten"
)
_POLITE = "please thank thanks kindly bitte danke merci gracias grazie obrigado obrigada dank alstublieft prego"
_HEDGED = "maybe perhaps possibly might probably somewhat vielleicht eventuell vermutlich peut-être tal quizás quizá forse talvez misschien"
_SELF = "i me my mine we us our ours ich mich mir mein meine wir uns unser je moi mon ma mes nous notre yo mi nosotros io noi eu ik wij"


def differences(draft: str, final: str) -> dict[str, str]:
    """Aspect -> what its author prefers in it, as the step from `draft` to `final` shows; {} where nothing tells."""
    if not draft.strip() or not final.strip() or draft == final:
        return {}
    made = {aspect: said for aspect, compare in _ASPECTS.items() if (said := compare(draft, final))}
    return made | _of_words(draft, final)


def still_shown(aspect: str, said: str, draft: str, final: str) -> bool:
    """Whether `final` is as an earlier edit of `draft` showed that its author wants it; a length need not be the same number."""
    return bool(draft.strip() and final.strip()) and _ASPECTS[aspect](draft, final).partition(":")[0] == said.partition(":")[0]


def _length(draft: str, final: str) -> str:
    before, after = len(draft.split()), len(final.split())
    if before * SHORTER >= after:
        return f"Keep it short: about {after} words."
    return f"Write more: about {after} words." if after >= before * LONGER and after - before > SPAN else ""


def _list(draft: str, final: str) -> str:
    kinds = {"Put it as a list with bullet points.": _BULLET, "Put it as a numbered list.": _NUMBER}
    had = [said for said, mark in kinds.items() if len(mark.findall(draft)) > 1]
    has = [said for said, mark in kinds.items() if len(mark.findall(final)) > 1]
    return "" if had == has else has[0] if has else "Write running text, without lists."


def _capitals(draft: str, final: str) -> str:
    before, after = _cased(draft), _cased(final)
    return after if after != before else ""


def _cased(text: str) -> str:
    letters = [letter for letter in text if letter.isalpha()]
    if letters and all(letter.isupper() for letter in letters) and len(letters) > SPAN:
        return "Write in capital letters."
    if not any(letter.isupper() for letter in letters):
        return "Write in lower case."
    rest = [word[0].isupper() for word in text.split()[1:] if word[0].isalpha()]
    if len(rest) > 1 and sum(rest) > 0.8 * len(rest):
        return "Capitalize Every Word."
    return "Start with a capital letter." if letters[0].isupper() else "Start in lower case."


def _ending(draft: str, final: str) -> str:
    before, after = draft.rstrip()[-1], final.rstrip()[-1]
    if before == after or (before.isalnum() and after.isalnum()):
        return ""
    return "No mark at the end." if after.isalnum() else f"End with {after}"


def _paragraphs(draft: str, final: str) -> str:
    before, after = (len([part for part in text.split("\n\n") if part.strip()]) for text in (draft, final))
    return "" if (before > 1) == (after > 1) else "Write several paragraphs." if after > 1 else "Write a single paragraph."


def _greeting(draft: str, final: str) -> str:
    before, after = _opening(draft), _opening(final)
    return "" if before == after else f'Begin with "{after}".' if after else "No greeting."


def _opening(text: str) -> str:
    """The greeting that a text begins with, or ""."""
    first = re.split(r"(?<=[,!])\s|\n", text.strip(), maxsplit=1)[0]
    return first if _starts(first, _GREETING) and len(first.split()) <= SPAN + 1 else ""


def _closing(draft: str, final: str) -> str:
    before, after = _signed(draft), _signed(final)
    return "" if before == after else f'Close with "{after}".' if after else "No closing formula."


def _signed(text: str) -> str:
    """The formula that closes a text in lines of its own, on one line, or ""."""
    last = [line.strip() for line in text.strip().splitlines() if line.strip()][-2:]
    for start, line in enumerate(last):
        if len(text.split()) > len(line.split()) and len(line.split()) <= SPAN + 1 and _starts(line, _CLOSING) and "\n" in text.strip():
            return " ".join(last[start:])
    return ""


def _starts(line: str, words: str) -> bool:
    found = _TOKEN.match(line.strip().lower())
    return bool(found and found.group() in words.split())


def _has(pattern: re.Pattern[str] | str | Iterable[str], wanted: str, unwanted: str) -> Callable[[str, str], str]:
    """A comparison: `wanted` where only the final text has the pattern, `unwanted` where only the draft has."""

    def compare(draft: str, final: str) -> str:
        before, after = _holds(pattern, draft), _holds(pattern, final)
        return "" if before == after else wanted if after else unwanted

    return compare


def _holds(pattern: re.Pattern[str] | str | Iterable[str], text: str) -> bool:
    if isinstance(pattern, re.Pattern):
        return bool(pattern.search(text))
    return not {word.lower() for word in _TOKEN.findall(text)}.isdisjoint(pattern)


def _of_words(draft: str, final: str) -> dict[str, str]:
    """Words that were replaced, left out or put in, a few at a time."""
    before, after = _TOKEN.findall(draft), _TOKEN.findall(final)
    matched = SequenceMatcher(None, [word.lower() for word in before], [word.lower() for word in after], autojunk=False)
    made: dict[str, str] = {}
    for what, a, b, c, d in matched.get_opcodes():
        old, new = " ".join(before[a:b]), " ".join(after[c:d])
        if what == "equal" or max(b - a, d - c) > SPAN:
            continue
        said = f'Write "{new}", not "{old}".' if old and new else f'Leave out "{old}".' if old else f'Put in "{new}".'
        made[f"{WORDS}{old.lower()}>{new.lower()}"] = said
    return made


_ASPECTS: dict[str, Callable[[str, str], str]] = {
    "length": _length,
    "list": _list,
    "capitals": _capitals,
    "ending": _ending,
    "paragraphs": _paragraphs,
    "greeting": _greeting,
    "closing": _closing,
    "markdown": _has(_MARKDOWN, "Use Markdown.", "Plain text, without Markdown."),
    "emoji": _has(_EMOJI, "Use emoji.", "No emoji."),
    "exclamation": _has(re.compile("!"), "Use exclamation marks.", "No exclamation marks."),
    "contractions": _has(_CONTRACTED, "Use contractions.", "No contractions."),
    "politeness": _has(_POLITE.split(), "Say please and thank you.", "Without please and thank you."),
    "hedges": _has(_HEDGED.split(), "Say it with care: perhaps, maybe.", "Say it plainly, without perhaps and maybe."),
    "person": _has(_SELF.split(), "Write in the first person.", "Not in the first person."),
}
