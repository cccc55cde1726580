"""PIORS: one adapter for everybody, taught by simulated dialogues in which a server asks a person for what it lacks before it answers.

Bao, Liu, Guo, Ye, Shen, Xie, Peng, Huang, Wei. PIORS: Personalized Intelligent Outpatient Reception based on Large Language Model with
Multi-Agents Medical Scenario Simulation. 2024, arXiv:2411.13902.

The simulation is the paper's SFMSS: a person, a server, a supervisor and a collector, all one model, whose dialogues fine-tune the model
that serves. What lies on record of a person is told; what does not is asked for. Departs from the paper: there is no hospital, no
department and no GPT-4o. What is sampled is how much the person says at once and what is on record; how they write and what they know
is real, read from their own earlier records, and what they are asked for they say in those words. The last turn is the person's real
answer, a true target, and a share of the records are taught as they are. The supervisor and the collector go by rules (the supervisor
by the model with `supervisor="model"`, among what the rules permit), and a turn worded by the model that is no question for what is
missing is vetoed and said plainly. At use the question stands as it was asked and what is known is told, so the next action is to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple

from idiolect.errors import MethodError
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.training.known import Known, known
from idiolect.training.loop import Pair, Plan
from idiolect.training.pairs import few
from idiolect.training.roles import EXAMPLES, FACTS, QUESTION, Asking, Chosen, Flow, OwnWords, Plain, Worded, next_action
from idiolect.training.sft import sft
from idiolect.training.simulation import ANSWER, Action, Cast, Dialogue, Scene, drawn, lessons, simulate
from idiolect.types import History, Record, Request, State, User, ask
from idiolect.wording import quote_one

ON_RECORD = frozenset({FACTS, EXAMPLES})
TOLD, ASKED = "on record", "asked for"


class Lesson(NamedTuple):
    """A dialogue that was simulated, or a record as it is, with what was known of the person before it."""

    had: Known
    dialogue: Dialogue


@dataclass
class PIORS(Method):
    """At most `dialogues` of everybody's `newest` records, a share `anchors` of them taught as they are, the others simulated.

    Of these a share `short` opens with little, and each kind of knowledge is not on record in a share `asked`. The server has
    `rounds` turns. Openings and questions are worded by the `speakers`, "model" or "rule", in `turn_tokens`. Told are `k` records
    and `facts` facts, which are read in the last `read` records.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"adapters", "train"})
    k: int = 2
    facts: int = 8
    read: int = 200
    ranker: str = "bm25"
    speakers: str = "model"
    supervisor: str = "rule"
    anchors: float = 0.5
    short: float = 0.7
    asked: float = 0.5
    rounds: int = 4
    turn_tokens: int = 24
    rank: int = 16
    modules: tuple[str, ...] = ("q_proj", "v_proj")
    lr: float = 2e-3
    epochs: int = 2
    newest: int = 32
    dialogues: int = 512
    seed: int = 0

    def fit(self, users: Sequence[User], lm: LM) -> None:
        made = self.simulated(users, lm)
        pairs = [pair for lesson in made for pair in self._pairs(lesson, lm)]
        plan = Plan(lr=self.lr, epochs=self.epochs, batch=16, seed=self.seed)
        adapter = sft(lm, [pairs], rank=self.rank, alpha=self.rank, modules=self.modules, plan=plan)[0]
        vetoed = sum(lesson.dialogue.vetoed for lesson in made)
        self.shared = State(adapter=adapter, numbers={"dialogues": len(made), "turns": len(pairs), "vetoed": vetoed})

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        has = self._known(state.records, request.question)
        if self.shared.adapter is None:
            return has.tell(request, lm)
        return has.tell(request.told(_next(ANSWER)), lm).bent(adapters={self.shared.adapter: 1.0})

    def quotable(self, user: User) -> History:
        return user.records  # how a person writes and what they said is read from them, whether or not they are quoted

    def simulated(self, users: Sequence[User], lm: LM) -> list[Lesson]:
        """A dialogue for each record that is drawn. Raises MethodError for speakers and supervisors that are not there."""
        chosen = few(users, self.newest, self.dialogues, self.seed)
        had = [self._known(users[who].records.before(record), record.prompt) for who, record in chosen]
        scenes = [_scene(record, one, traits) for (_, record), one, traits in zip(chosen, had, self._traits(len(chosen)), strict=True)]
        return [Lesson(*one) for one in zip(had, simulate(scenes, self._cast(lm), self.rounds), strict=True)]

    def _traits(self, count: int) -> list[dict[str, str]]:
        kinds = drawn({"kind": {"anchor": self.anchors, "simulated": 1 - self.anchors}}, count, self.seed)
        free = kinds.count({"kind": "simulated"})
        asked = {TOLD: 1 - self.asked, ASKED: self.asked}
        shares = {"opening": {"short": self.short, "whole": 1 - self.short}, FACTS: asked, EXAMPLES: asked}
        others = iter(drawn(shares, free, self.seed))
        return [next(others) if one["kind"] == "simulated" else {"opening": "whole", FACTS: TOLD, EXAMPLES: TOLD} for one in kinds]

    def _cast(self, lm: LM) -> Cast:
        if self.speakers not in ("model", "rule") or self.supervisor not in ("model", "rule"):
            raise MethodError(f"speakers and supervisor are 'model' or 'rule', not {self.speakers!r} and {self.supervisor!r}")
        supervisor = Chosen(self.rounds, lm) if self.supervisor == "model" else Flow(self.rounds)
        if self.speakers == "rule":
            return Cast(OwnWords(), supervisor, Plain())
        return Cast(Worded(lm, self.turn_tokens), supervisor, Asking(lm, self.turn_tokens))

    def _known(self, records: History, question: str) -> Known:
        return known(records, question, self.k, self.facts, self.read, self.ranker)

    def _pairs(self, lesson: Lesson, lm: LM) -> Iterator[Pair]:
        """Each of the server's turns with what was said and known before it, told as it is told at use."""
        had, on_record = lesson.had, lesson.dialogue.scene.on_record
        has = Known(had.manner, had.facts if FACTS in on_record else (), had.near if EXAMPLES in on_record else ())
        for messages, action, text in lessons(lesson.dialogue):
            asked = replace(ask(messages[-1].content), messages=messages).told(_next(action))
            yield has.tell(asked, lm), text


def _scene(record: Record, had: Known, traits: dict[str, str]) -> Scene:
    says = {
        QUESTION: record.prompt,
        FACTS: "\n".join(fact.text for fact in had.facts),
        EXAMPLES: "\n\n".join(map(quote_one, had.near)),
    }
    fields = {name: text for name, text in says.items() if text.strip()}
    on_record = frozenset(name for name in ON_RECORD if traits[name] == TOLD)
    return Scene(record.prompt, record.answer, fields, on_record, had.manner, traits)


def _next(action: Action) -> str:
    return f"What to do next: {next_action(action)}"
