"""Dialogues simulated between roles: a person speaks, a supervisor chooses what the server does next, the server does it, until it is over.

After the service flow of Bao, Liu, Guo, Ye, Shen, Xie, Peng, Huang, Wei. PIORS: Personalized Intelligent Outpatient Reception based on
Large Language Model with Multi-Agents Medical Scenario Simulation. 2024, arXiv:2411.13902. Who plays a role is not said here: a model,
rules (`training.roles`), or a script.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, Protocol

from idiolect.errors import MethodError
from idiolect.facts.keep import folded
from idiolect.types import Message


class Action(NamedTuple):
    """What a server does next: it asks for a field, answers, or the dialogue is closed."""

    name: Literal["ask", "answer", "close"]
    field: str = ""


ANSWER, CLOSE = Action("answer"), Action("close")


@dataclass(frozen=True, slots=True)
class Turn:
    """Who said what; of a server's turn, which action it was."""

    role: Literal["person", "server"]
    text: str
    action: Action | None = None


@dataclass(frozen=True, slots=True)
class Scene:
    """What a dialogue starts from, all of it one person's: what they want, the true answer, and what they can say, by field.

    Of the `fields` those `on_record` are known before anybody speaks. `manner` says how the person writes, `traits` how they
    behave here. No field and no manner may come from the answer, or from anything later.
    """

    question: str
    answer: str
    fields: Mapping[str, str]
    on_record: frozenset[str] = frozenset()
    manner: str = ""
    traits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """The turns so far, person first and each after the other; whether the supervisor closed it, and how many turns it vetoed."""

    scene: Scene
    turns: tuple[Turn, ...] = ()
    closed: bool = False
    vetoed: int = 0

    @property
    def known(self) -> frozenset[str]:
        """The collector: the fields on record, and those whose text stands in something that the person said."""
        said = [f" {folded(turn.text)} " for turn in self.turns if turn.role == "person"]
        told = {name for name, text in self.scene.fields.items() if any(f" {folded(text)} " in turn for turn in said)}
        return self.scene.on_record | told

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that the person could still be asked for, in their order: not known, and not asked for in vain."""
        asked = {action.field for action in self.done}
        return tuple(name for name in self.scene.fields if name not in self.known | asked)

    @property
    def done(self) -> tuple[Action, ...]:
        """What the server did so far."""
        return tuple(turn.action for turn in self.turns if turn.action)

    def plus(self, turn: Turn, vetoed: int = 0) -> Dialogue:
        """The dialogue after one more turn."""
        return replace(self, turns=(*self.turns, turn), vetoed=self.vetoed + vetoed)


class Person(Protocol):
    """Speaks for the person of a scene."""

    def says(self, dialogues: Sequence[Dialogue]) -> list[str]:
        """The person's next turn in each dialogue."""
        ...


class Supervisor(Protocol):
    """Chooses what the server does next, and hears its words first."""

    def chooses(self, dialogues: Sequence[Dialogue]) -> list[Action]:
        """The next action in each dialogue; CLOSE ends it."""
        ...

    def allows(self, dialogue: Dialogue, action: Action, text: str) -> bool:
        """Whether the server may say this."""
        ...


class Server(Protocol):
    """Does what the supervisor chose."""

    def acts(self, dialogues: Sequence[Dialogue], actions: Sequence[Action]) -> list[str]:
        """The server's words for its action in each dialogue."""
        ...

    def plainly(self, dialogue: Dialogue, action: Action) -> str:
        """The words to fall back on where the first ones were vetoed."""
        ...


class Cast(NamedTuple):
    """Who plays which role."""

    person: Person
    supervisor: Supervisor
    server: Server


def simulate(scenes: Sequence[Scene], cast: Cast, most: int) -> list[Dialogue]:
    """A dialogue for each scene, all in step: the person speaks, the supervisor chooses, the server acts, until it is closed.

    The server has at most `most` turns; a dialogue that is not closed after the person's word on the last stays open, and teaches
    nothing. Raises MethodError for an action that there is not.
    """
    dialogues = [Dialogue(scene) for scene in scenes]
    for turn in range(most + 1):
        going = [place for place, dialogue in enumerate(dialogues) if not dialogue.closed]
        if not going:
            break
        spoken = [dialogues[place] for place in going]
        heard = [one.plus(Turn("person", text)) for one, text in zip(spoken, cast.person.says(spoken), strict=True)]
        for place, dialogue in zip(going, _round(heard, cast, last=turn == most), strict=True):
            dialogues[place] = dialogue
    return dialogues


def lessons(dialogue: Dialogue) -> list[tuple[tuple[Message, ...], Action, str]]:
    """What a closed dialogue teaches: the messages before each of the server's turns, its action, its words. Of an open one: none."""
    said = [Message("user" if turn.role == "person" else "assistant", turn.text) for turn in dialogue.turns]
    done = [(tuple(said[:place]), turn.action, turn.text) for place, turn in enumerate(dialogue.turns) if turn.action]
    return done if dialogue.closed else []


def drawn(marginals: Mapping[str, Mapping[str, float]], count: int, seed: int) -> list[dict[str, str]]:
    """`count` sets of traits whose shares are the given ones: of each trait every value stands floor or ceil of share * count times.

    Traits are drawn apart from one another. Raises MethodError for shares of a trait that are no shares of 1.
    """
    columns = {trait: _column(trait, shares, count, random.Random(f"{seed}/{trait}")) for trait, shares in marginals.items()}
    return [{trait: column[place] for trait, column in columns.items()} for place in range(count)]


def _round(heard: Sequence[Dialogue], cast: Cast, last: bool) -> list[Dialogue]:
    """Each dialogue after the supervisor's choice and what the server made of it; in the `last` round the server is silent."""
    actions = cast.supervisor.chooses(heard)
    if unknown := sorted({str(action[0]) for action in actions} - {"ask", "answer", "close"}):
        raise MethodError(f"a supervisor chooses ask, answer or close, not {', '.join(unknown)}")
    done = [replace(one, closed=True) if action == CLOSE else one for one, action in zip(heard, actions, strict=True)]
    going = [] if last else [place for place, dialogue in enumerate(done) if not dialogue.closed]
    chosen = [actions[place] for place in going]
    for place, action, text in zip(going, chosen, cast.server.acts([done[place] for place in going], chosen), strict=True):
        fit = cast.supervisor.allows(done[place], action, text)
        said = text if fit else cast.server.plainly(done[place], action)
        done[place] = done[place].plus(Turn("server", said, action), vetoed=0 if fit else 1)
    return done


def _column(trait: str, shares: Mapping[str, float], count: int, chance: random.Random) -> list[str]:
    """`count` values of one trait: the whole numbers nearest below first, what is left by the greatest remainders, in any order."""
    if abs(sum(shares.values()) - 1) > 1e-6 or min(shares.values(), default=-1.0) < 0:
        raise MethodError(f"the shares of {trait!r} are 0 or more and 1 together, not {dict(shares)}")
    whole = {value: int(share * count + 1e-9) for value, share in shares.items()}
    left = sorted(shares, key=lambda value: whole[value] - shares[value] * count)[: count - sum(whole.values())]
    values = [value for value in shares for _ in range(whole[value] + (value in left))]
    chance.shuffle(values)
    return values
