"""Who plays the roles of a simulated dialogue: one model behind them all, and rules wherever its words cannot be believed.

Whatever a person is asked for they say in their own words, out of their records: of a real person nothing is invented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from idiolect.facts.extract import supported
from idiolect.models.lm import LM
from idiolect.retrieval.bm25 import words
from idiolect.training.simulation import ANSWER, CLOSE, Action, Dialogue, Person, Server, Supervisor
from idiolect.types import ask
from idiolect.wording import clip

OPENING = 12  # words of a question by which somebody opens who does not say it all at once
THANKS = "Thank you."
SAY = (
    "{manner}\n\nSpeak as this person to somebody who writes for them. They want:\n\n{question}\n\n"
    "Say what they want in one short sentence of theirs, and nothing else."
)
ASK = "You write for a person, and still have to know {what}. They said:\n\n{said}\n\nAsk for it in one short question, and nothing else."
CHOOSE = "Somebody writes for a person, who said:\n\n{said}\n\nWhat comes next?\n{options}\n\nAnswer with the number only."
LONGEST = 25  # words of an opening, and of a question that a server asks
BEFORE = frozenset("before earlier example examples wrote last past".split())


class Field(NamedTuple):
    """A field that a server may ask for: what it is, how it is asked for plainly, and words of which a question for it has one."""

    what: str
    plainly: str
    signs: frozenset[str]


QUESTION, FACTS, EXAMPLES = "question", "facts", "examples"
FIELDS: Mapping[str, Field] = {
    QUESTION: Field("the whole of what they want", "Can you give me the whole of it?", frozenset("whole all full text rest more".split())),
    FACTS: Field("what is to be known of them", "What should I know about you?", frozenset("about yourself know like prefer".split())),
    EXAMPLES: Field("how they wrote before", "How did you write such things before?", BEFORE),
}


def next_action(action: Action) -> str:
    """An action as the server is told it."""
    return f"Ask for {FIELDS[action.field].what}." if action.name == "ask" else "Answer."


@dataclass(frozen=True)
class OwnWords(Person):
    """The person, by rules: opens with the question, or with its first words where the trait "opening" is "short"; then their fields."""

    def says(self, dialogues: Sequence[Dialogue]) -> list[str]:
        return [_said(dialogue) for dialogue in dialogues]


@dataclass(frozen=True)
class Worded(Person):
    """The person, whose short openings `lm` words in at most `tokens`, told how they write.

    An opening that says what the question does not, or stammers, is not theirs: the question's first words stand in its place.
    """

    lm: LM
    tokens: int = 32

    def says(self, dialogues: Sequence[Dialogue]) -> list[str]:
        said = [_said(dialogue) for dialogue in dialogues]
        short = [place for place, one in enumerate(dialogues) if not one.turns and one.scene.traits.get("opening") == "short"]
        scenes = [dialogues[place].scene for place in short]
        asked = [SAY.format(manner=one.manner, question=one.question).strip() for one in scenes]
        for place, text in zip(short, _replies(self.lm, asked, self.tokens), strict=True):
            if opens(text, dialogues[place].scene.question):
                said[place] = text
        return said


@dataclass(frozen=True)
class Flow(Supervisor):
    """The supervisor, by rules: asks for what is missing while there are turns of `most` left for the answer, answers once, closes."""

    most: int = 4

    def chooses(self, dialogues: Sequence[Dialogue]) -> list[Action]:
        return [self.options(dialogue)[0] for dialogue in dialogues]

    def options(self, dialogue: Dialogue) -> list[Action]:
        """What may come next, best first: no answer before the whole question is known, nor a question with the last turn."""
        if ANSWER in dialogue.done:
            return [CLOSE]
        asks = [Action("ask", name) for name in dialogue.missing] if len(dialogue.done) < self.most - 1 else []
        return asks if QUESTION in dialogue.missing and asks else [*asks, ANSWER]

    def allows(self, dialogue: Dialogue, action: Action, text: str) -> bool:
        """The true answer always; a question only if it is one, short, and for the field it is to ask for."""
        return action == ANSWER or (asks_for(action.field, text) and text not in [turn.text for turn in dialogue.turns])


@dataclass(frozen=True)
class Chosen(Flow):
    """The supervisor whose choice among what the rules permit is `lm`'s; the rules' own where it names none of them."""

    lm: LM | None = None

    def chooses(self, dialogues: Sequence[Dialogue]) -> list[Action]:
        offered = [self.options(dialogue) for dialogue in dialogues]
        open_ = [place for place, options in enumerate(offered) if len(options) > 1]
        asked = [CHOOSE.format(said=_heard(dialogues[place]), options=_listed(offered[place])) for place in open_]
        chosen = [options[0] for options in offered]
        for place, text in zip(open_, _replies(self.lm, asked, 4), strict=True):
            numbers = [int(word) for word in words(text) if word.isdecimal()]
            if numbers and 1 <= numbers[0] <= len(offered[place]):
                chosen[place] = offered[place][numbers[0] - 1]
        return chosen


@dataclass(frozen=True)
class Plain(Server):
    """The server, by rules: fixed questions, and the true answer."""

    def acts(self, dialogues: Sequence[Dialogue], actions: Sequence[Action]) -> list[str]:
        return [self.plainly(dialogue, action) for dialogue, action in zip(dialogues, actions, strict=True)]

    def plainly(self, dialogue: Dialogue, action: Action) -> str:
        return FIELDS[action.field].plainly if action.name == "ask" else dialogue.scene.answer


@dataclass(frozen=True)
class Asking(Plain):
    """The server whose questions `lm` words, in at most `tokens`; the answer is the true one, which the model is not shown."""

    lm: LM | None = None
    tokens: int = 32

    def acts(self, dialogues: Sequence[Dialogue], actions: Sequence[Action]) -> list[str]:
        said = super().acts(dialogues, actions)
        asking = [place for place, action in enumerate(actions) if action.name == "ask"]
        asked = [ASK.format(what=FIELDS[actions[place].field].what, said=_heard(dialogues[place])) for place in asking]
        for place, text in zip(asking, _replies(self.lm, asked, self.tokens), strict=True):
            said[place] = text
        return said


def opens(text: str, question: str) -> bool:
    """Whether a text may stand for the first words of a question: short, borne out by it, and no two words in a row said twice."""
    pairs = list(pairwise(words(text)))
    return len(pairs) < LONGEST and len(set(pairs)) == len(pairs) and supported(text, question)


def asks_for(field: str, text: str) -> bool:
    """Whether a text is one short question, in one line, for this field."""
    said = words(text)
    one = text.endswith("?") and "\n" not in text and text.count("?") == 1
    return one and 2 < len(said) <= LONGEST and bool(FIELDS[field].signs & set(said))


def _said(dialogue: Dialogue) -> str:
    """The person's next turn, by rules."""
    scene, done = dialogue.scene, dialogue.done
    if not done:
        return clip(scene.question, OPENING) if scene.traits.get("opening") == "short" else scene.question
    return scene.fields.get(done[-1].field, "") if done[-1].name == "ask" else THANKS


def _heard(dialogue: Dialogue) -> str:
    return "\n".join(clip(turn.text, 60) for turn in dialogue.turns if turn.role == "person")


def _listed(options: Sequence[Action]) -> str:
    return "\n".join(f"{number}. {next_action(action)}" for number, action in enumerate(options, start=1))


def _replies(lm: LM | None, asked: Sequence[str], tokens: int) -> list[str]:
    """What the model says to each, greedily; nobody is asked where there is nothing to ask."""
    return [reply.text.strip() for reply in lm.generate([ask(text, max_tokens=tokens) for text in asked])] if lm and asked else []
