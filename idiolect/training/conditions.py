"""What is asked of an answer, in words that a model learns to follow: scores, ratings, a direction, preferences; and read back again.

A condition is told in the system message (`Request.told`), never put into the question, so that nothing of the question can be lost
when it is taken out. Scores: Yang et al., RiC, arXiv:2402.10207. Control tokens: Guo et al., CPO, arXiv:2402.19085. A direction in whole
hundredths: Wang et al., DPA, arXiv:2402.18571. Preferences in four dimensions: Lee et al., Janus, arXiv:2405.17977.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from idiolect.facts.telling import told
from idiolect.prompt import Piece, Section, profile
from idiolect.types import Fact

AIM, AIM_ENDS = "The answer with the highest score is wanted, counted as ", "."
DIMENSIONS = {  # what preferences are about -> the heading that they are told under
    "style": "",  # the manner opens with a line of its own
    "background": "What this person said of themselves:",
    "informativeness": "What this answer is to be like:",
    "harmlessness": "What to be careful about with this person:",
}
ABOUT_ANSWERS = frozenset({"wish:length", "wish:format", "wish:sources", "wish:examples"})
CAREFUL = ("allergy", "avoids", "eats", "diet", "wish:apologies")  # how the key of a fact begins that could hurt where it is not known
WORDS: Mapping[str, tuple[str, str]] = {  # objective -> what is told of little of it, and of much
    "brief": ("Take the room that it needs.", "Keep it short."),
    "thorough": ("Leave aside what does not matter.", "Take up every point of the question."),
    "simple": ("Long and learned words are welcome.", "Use short and plain words."),
    "varied": ("Repeat words where it helps.", "Say nothing twice."),
    "specific": ("Stay general.", "Name names and numbers."),
}
NOTED, MUCH = 0.7, 0.9  # the share of answers that are to have less of it, from where that is told, and from where above all


def scores(wanted: Mapping[str, float]) -> str:
    """Scores with one decimal: "<brief> 0.8 <thorough> -1.2"."""
    return " ".join(f"<{name}> {round(value, 1) + 0.0:.1f}" for name, value in wanted.items())


def read_scores(text: str) -> dict[str, float]:
    """What `scores` put in words."""
    return {name: float(value) for name, value in re.findall(r"<([^<>]+)> (-?\d+\.\d)(?!\S)", text)}


def ratings(wanted: Mapping[str, int]) -> str:
    """A token for each objective that is controlled: "<brief: 4> <thorough: 2>"; "" for none."""
    return " ".join(f"<{name}: {value}>" for name, value in wanted.items())


def read_ratings(text: str) -> dict[str, int]:
    """What `ratings` put in words."""
    return {name: int(value) for name, value in re.findall(r"<([^<>:]+): (\d+)>", text)}


def aim(direction: Mapping[str, float]) -> str:
    """A direction of length 1 in whole hundredths: "... counted as 71 x brief + 71 x thorough."."""
    return AIM + " + ".join(f"{round(100 * value)} x {name}" for name, value in direction.items()) + AIM_ENDS


def read_aim(text: str) -> dict[str, int]:
    """The hundredths that `aim` put in words."""
    parts = text.removeprefix(AIM).removesuffix(AIM_ENDS).split(" + ")
    return {name: int(value) for value, _, name in (part.partition(" x ") for part in parts) if name}


def lines(wanted: Mapping[str, float]) -> list[str]:
    """A sentence for each objective of which more is wanted than NOTED of all answers have, or less than as many have."""
    made = []
    for name, share in wanted.items():
        far = max(share, 1 - share)
        if far >= NOTED:
            said = WORDS[name][share > 1 / 2]
            made.append(f"Above all: {said}" if far >= MUCH else said)
    return made


def dimension(fact: Fact) -> str:
    """Which of DIMENSIONS a fact of a person is about."""
    if fact.key.startswith(CAREFUL):
        return "harmlessness"
    if fact.key in ABOUT_ANSWERS:
        return "informativeness"
    return "style" if fact.key.startswith("wish:") or fact.kind == "correction" else "background"


def preferences(manner: str, facts: Sequence[Fact], wanted: Mapping[str, float]) -> list[Section]:
    """A system message in sections, one a dimension: how a person writes, what is known of them, what the answer is to be like, what
    to mind. What they said themselves is marked as recalled and names its records."""
    by = {name: [fact for fact in facts if dimension(fact) == name] for name in DIMENSIONS}
    asked = Section(tuple(Piece(line) for line in lines(wanted)), DIMENSIONS["informativeness"], join="\n")
    made = [profile(manner), told(by["style"], ""), told(by["background"], DIMENSIONS["background"]), asked]
    made += [told(by["informativeness"], ""), told(by["harmlessness"], DIMENSIONS["harmlessness"])]
    return [section for section in made if section.pieces]
