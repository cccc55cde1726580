"""Facts out of a person's own words: by rules, without a model, and by a model whose reply is believed only where it can be checked.

Read are a person's answers and nothing else: not what was asked, not what a model had written, not what was recalled to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from idiolect.facts.keep import NEGATIONS, PINNED, folded
from idiolect.facts.phrases import COMMANDS, INVERTED, OPENERS, PHRASES, Phrase
from idiolect.facts.wishes import is_wish, topic
from idiolect.models.lm import LM
from idiolect.retrieval.bm25 import words
from idiolect.types import Fact, Record, ask
from idiolect.wording import PROFILE, QUOTED

RECALLED = "Known: "  # begins each line that was recalled into a prompt
OWN = frozenset({"message", "edit", "correction"})  # kinds whose answer is in the person's own words
MOST_WORDS, MOST_CHARS = 40, 300  # of a fact
REPLY_TOKENS = 800
STEM = 4  # letters that forms of a word share
EXTRACT = """\
Below are notes that one person wrote, each behind its number. List what they say about the person themselves, or about how \
they want to be answered: lasting facts, tastes and wishes, in the person's own words and language. Leave out everything else.
Answer with a JSON list and nothing else. Each entry: {{"text": "I live in Ghent", "kind": "fact" or "preference", \
"key": what it is about in one word, "source": the number of the note}}. An empty list is a good answer.

{notes}"""

_FENCED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)
_SPOKEN = re.compile(r'"[^"\n]*"|“[^”\n]*”|„[^“”\n]*[“”]|«[^»\n]*»')
_LINES = re.compile(rf"^(?:\s*[>#]|{re.escape(RECALLED)}|About: |Wrote: |{re.escape(QUOTED)}|{re.escape(PROFILE)}).*$", re.MULTILINE)
_ASSISTANT = re.compile(  # lines that speak to an assistant of itself, or as one
    r"^.*\b(?:you(?:'re| are) (?:an? |the )?(?:[\w-]+ ){0,3}\w*(?:bot|assistant|agent|model|ai)\b|(?:i am|i'm|as) an? (?:(?:helpful|"
    r"virtual|friendly|personal) (?:ai )?assistant|ai\b|chatbot|(?:large )?language model)|"
    r"als (?:ki|sprachmodell)\b|en tant qu'(?:ia|assistant)|"
    r"como (?:ia|modelo de lenguaje)\b).*$",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?。！？](?=\S)[^.!?。！？\n]*)*[.!?。！？]*")
_CLAUSE = re.compile(
    r"\s*[;–—]\s*|,\s+(?=(?:i|i['’]m|i['’]ve|ich|je|j['’]\w+|ik)\b)|,?\s+(?:and|but|und|aber|et|mais|y|pero|e|ma|mas|en|maar)\s+"
    r"(?=(?:i|i['’]m|i['’]ve|my|please|ich|meine?|bitte|je|j['’]\w+|mon|ma|yo|me|mi|vivo|trabajo|tengo|soy|odio|no|sono|ho|abito|lavoro|"
    r"non|"
    r"eu|meu|minha|moro|trabalho|tenho|sou|não|ik|mijn)\b)",
    re.IGNORECASE,
)
_LEAD = re.compile(  # a "no" is one only before a comma: "No me gusta" says what it says
    r"(?:(?:no|nope|nein|nee|non|não|ma|e|y|et)\b\s*[,!.:-]\s*|(?:well|so|also|oh|ok|okay|yes|yeah|hi|hello|hey|actually|btw|by the way|"
    r"and|but|"
    r"anyway|now|today|honestly|personally|in fact|sorry|thanks|thank you|fyi|for the record|ja|"
    r"hallo|übrigens|nun|tja|oui|bonjour|salut|au fait|alors|sí|hola|bueno|pues|por cierto|ciao|sì|allora|comunque|olá|sim|então|aliás|"
    r"hoi|trouwens)\b[,!.:\s-]+)+",
    re.IGNORECASE,
)
_UNFIT = re.compile(
    r"https?://|www\.|[{}<>\[\]|\\=]|::|\(\)|//|\b(?:lorem ipsum|john doe|jane doe|your name|example\.com|hope this (?:email|message)|"
    r"looking forward to|ai assistant)\b",
    re.IGNORECASE,
)
_ENOUGH = re.compile(  # none of these means a thing in another of the languages, as "car" and "ma" would
    r"\s*(?:[,;:()]|\s-\s|(?<=\w) that\b|\b(?:because|since|when|but|so|if|who|which|whenever|although|though|as|than|weil|wenn|aber|"
    r"denn|als|parce|quand|mais|que|porque|cuando|pero|perché|quando|omdat|maar)\b).*",
    re.IGNORECASE,
)
_EMPTY = NEGATIONS | frozenset(
    "a an the my your his her our their some any more anymore again to too so very really much lot lots of at all now still also just "
    "it this that them these those you him us how what where who there here being having get "
    "from with about into on in for by near von mit bei für im am dans avec sur pour con su per em com met voor "
    "der die das den dem des ein eine einen einem einer mein meine meinen mehr sehr gern gerne gar so zu es dich euch dir "
    "le la les l un une des du de d mon ma mes ça cela tout toute toi vous te plus beaucoup ce cette "
    "el los las unos unas mi mis lo tu te ti esto eso mucho muy más il lo gli i uno mio mia questo quello molto più tanto "
    "o os as um uma meu minha isso isto mais het een de mijn dat dit zo erg meer jou je".split()
)
_OWN_ORDER = re.compile(r"\b(?:please|always|bitte|immer|i|my|me|ich|meine?[nmrs]?|mir|je|mon|ma|mes|por favor|mis?|yo)\b", re.IGNORECASE)
_POINTING = frozenset("it this that them their these those you him her us how what when where who your say mention".split())


class Said(NamedTuple):
    """What a clause says: of what kind, about what, in which of its words."""

    kind: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Extraction:
    """What a model found, and how much of what it said could not be believed."""

    facts: tuple[Fact, ...] = ()
    bad: int = 0


def recalled(text: str) -> str:
    """A text as it is told to a model that recalls it: each line marked, so that nobody takes it for new."""
    return "\n".join(f"{RECALLED}{line}" for line in text.splitlines() if line.strip())


def own_words(text: str) -> str:
    """A text without what was recalled, quoted, written for an assistant or is code: each such span becomes a line break."""
    for spans in (_FENCED, _LINES, _ASSISTANT, _SPOKEN):
        text = spans.sub("\n", text)
    return text


def by_rules(record: Record) -> list[Fact]:
    """What a record's answer says of the person who wrote it, each in their own words; of one key the last.

    Sentences that stand in the prompt or in the draft that was edited are somebody else's. A correction is kept sentence by
    sentence, as it is about the answers. A rating and a choice hold no words of the person's.
    """
    if record.kind not in OWN:
        return []
    theirs = f" {folded(record.prompt)} \n {folded(record.other)} "
    found: dict[str, Fact] = {}
    for clause in _clauses(record.answer):
        if not fit(clause) or (len(words(clause)) > 2 and f" {folded(clause)} " in theirs):
            continue
        said = _read(clause)
        if said is None and record.kind == "correction":
            said = Said("correction", f"wish:{topic(clause)}" if topic(clause) else "", clause)
        if said is not None:
            found[said.key or clause] = Fact(said.text, (record.id,), record.time, kind=said.kind, key=said.key)
    return list(found.values())


def fit(text: str) -> bool:
    """Whether a text may be a fact at all: of 2 to 40 words, not a question, not code, not a template."""
    count = len(words(text))
    letters = sum(char.isalpha() or char.isspace() for char in text)
    shape = 2 <= count <= MOST_WORDS and len(text) <= MOST_CHARS and letters >= 0.6 * len(text)
    return shape and not text.rstrip(" \"'”»").endswith(("?", "？", "¿")) and not _UNFIT.search(text)


def by_model(records: Sequence[Record], lm: LM, batch: int = 20) -> Extraction:
    """What a model finds in the answers of `records`, asked once for each `batch` of them.

    An entry counts as bad, and is left out, if it names no record it was shown, is not `fit`, or says what its record does not.
    A reply in which no JSON can be found counts as one. Keys are the rules' where they know one.
    """
    told = [record for record in records if record.kind in OWN and own_words(record.answer).strip()]
    batches = [told[start : start + batch] for start in range(0, len(told), batch)]
    replies = lm.generate([ask(_asked(part), max_tokens=REPLY_TOKENS) for part in batches]) if batches else []
    facts: list[Fact] = []
    bad = 0
    for part, reply in zip(batches, replies, strict=True):
        numbered = {str(number): record for number, record in enumerate(part, start=1)}
        entries = parsed(reply.text)
        made = [_checked(entry, numbered) for entry in entries] if entries is not None else [None]
        facts += [fact for fact in made if fact is not None]
        bad += made.count(None)
    return Extraction(tuple(facts), bad)


def parsed(text: str) -> list[Any] | None:
    """The entries of the JSON in a model's reply, whatever stands around it; None where there is none.

    Takes code fences, a single object, a list inside an object, trailing commas, one object a line, and a list that was cut.
    """
    text = re.sub(r",\s*([\]}])", r"\1", re.sub(r"```\w*", " ", text))
    decoder, at, found = json.JSONDecoder(), 0, []
    seen = False
    while (start := _next(text, at)) is not None:
        try:
            value, at = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            at = start + 1
            continue
        seen = True
        found += _entries(value)
    return found if seen else None


def _next(text: str, at: int) -> int | None:
    found = re.compile(r"[\[{]").search(text, at)
    return found.start() if found else None


def _entries(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    inner = [one for one in value.values() if isinstance(one, list)] if isinstance(value, Mapping) and "text" not in value else []
    return inner[0] if len(inner) == 1 else [value]


def _asked(records: Sequence[Record]) -> str:
    notes = "\n".join(f"{number}. {' '.join(own_words(record.answer).split())}" for number, record in enumerate(records, start=1))
    return EXTRACT.format(notes=notes)


def _checked(entry: Any, numbered: Mapping[str, Record]) -> Fact | None:
    """An entry as a fact, or None where it cannot be believed."""
    if not isinstance(entry, Mapping) or not isinstance(entry.get("text"), str):
        return None
    text, source = " ".join(entry["text"].split()), str(entry.get("source", "")).strip(" .#")
    record = numbered.get(source) or next((one for one in numbered.values() if one.id == source), None)
    if record is None or not fit(text) or not supported(text, own_words(record.answer)):
        return None
    said = _read(text) or Said("preference" if entry.get("kind") == "preference" else "fact", _word(entry.get("key")), text)
    return Fact(text, (record.id,), record.time, kind=said.kind, key=said.key)


def _word(value: Any) -> str:
    return folded(value)[:40] if isinstance(value, str) else ""


def supported(text: str, by: str) -> bool:
    """Whether most words of a text that mean something stand in another, as they are or with another ending, and all its numbers."""
    meant = [word for word in words(text) if word not in _EMPTY and (len(word) > 2 or word.isdigit() or not word.isascii())]
    said = set(words(by))
    stems = {word[:STEM] for word in said}
    numbers = {word for word in meant if word.isdigit()}
    return bool(meant) and numbers <= said and sum(word[:STEM] in stems for word in meant) >= 0.6 * len(meant)


def _clauses(answer: str) -> Iterator[str]:
    for sentence in _SENTENCE.findall(own_words(answer)):
        if sentence.rstrip().endswith(("?", "？")):
            continue
        for clause in _CLAUSE.split(sentence):
            start = _LEAD.match(clause.strip())
            yield clause.strip()[start.end() if start else 0 :].strip(" \t,.!。！")


def _read(clause: str) -> Said | None:
    """What a clause says of the person, or None."""
    plain = clause.replace("’", "'")
    for phrase in COMMANDS:
        if found := phrase.pattern.match(plain):
            if phrase.kind == PINNED:
                inner = clause[found.start("what") :]
                return _read(inner) or (Said(PINNED, "", inner) if _OWN_ORDER.search(plain) else None)
            return _filled(phrase, found, clause)
    if is_wish(plain):
        return Said("preference", f"wish:{topic(plain)}", clause)
    first = next(iter(re.findall(r"[^\W\d_]+", plain[:40].lower())), "")
    if first not in OPENERS and not INVERTED.search(plain):
        return None
    tried = ((phrase, phrase.pattern.match(plain)) for phrase in PHRASES)
    return next((said for phrase, found in tried if found and (said := _filled(phrase, found, clause))), None)


def _filled(phrase: Phrase, found: re.Match[str], clause: str) -> Said | None:
    """What the phrase says with its key filled; None where what it is about is not said: "I love it"."""
    thing = _thing(found.groupdict().get("what") or "")
    if "{}" in phrase.key and not thing:
        return None
    return Said(phrase.kind, phrase.key.replace("{}", thing), clause)


def _thing(what: str) -> str:
    """What something is about, in few words: "the taste of coffee, because" gives "taste coffee"; "" where it only points."""
    said = words(_ENOUGH.sub("", what).replace("'", " "))
    return "" if _POINTING.intersection(said) else " ".join([word for word in said if word not in _EMPTY][:4])
