"""Methods one after another, and the Assistant that runs them for people it knows and people it does not."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from idiolect.assistant import Assistant
from idiolect.errors import ModelError
from idiolect.method import Chain, Method
from idiolect.models.scripted import ScriptedLM
from idiolect.store.states import dump, load
from idiolect.types import History, Prefix, Record, Reply, Request, State, User, ask

ANN = User("ann", [Record("p", "ann one", 1), Record("p", "ann two", 2)])
BOB = User("bob", [Record("p", "bob one", 1)])


@dataclass
class Tells(Method):
    """Tells `word`, how many records there are, and how many people were fitted."""

    word: str = "tells"

    def fit(self, users, lm):
        self.shared = State(numbers={"people": len(users)})

    def enroll(self, users, lm):
        return [State(text=f"{self.word} {len(user.records)}", records=user.records) for user in users]

    def personalize(self, state, request, lm):
        return request.told(f"{state.text} of {self.shared.numbers.get('people', 0):g}", because=state.records)


@dataclass
class Bends(Method):
    """Puts one vector before the text."""

    needs: ClassVar[frozenset[str]] = frozenset({"prefix"})

    def personalize(self, state, request, lm):
        return request.bent(prefix=Prefix(np.full((1, 2), len(state.records), dtype="f4"), "count"))


@dataclass
class Answers(Method):
    """Answers by itself."""

    def personalize(self, state, request, lm):
        return Reply(f"answered after {len(request.messages)} messages", request.because)


@dataclass
class Counts(Method):
    """Adds to what it has, in place of enrolling afresh."""

    def enroll(self, users, lm):
        return [State(numbers={"count": len(user.records)}) for user in users]

    def update(self, state, user, new, lm):
        return State(numbers={"count": state.numbers["count"] + len(new)})


def lm(can=("logprobs", "prefix")):
    return ScriptedLM(lambda request: f"to {request.question}: {request.messages[0].content}", can=can)


def test_a_bare_method_keeps_the_records_and_changes_nothing():
    method = Method()
    assert [state.records for state in method.enroll([ANN, BOB], lm())] == [ANN.records, BOB.records]
    assert method.personalize(State(), ask("q"), lm()) == ask("q") and method.config == {} and method.needs == frozenset()


def test_update_enrolls_afresh_unless_a_method_knows_better():
    before = Tells().enroll([User("ann", ANN.records[:1])], lm())[0]
    assert Tells().update(before, ANN, ANN.records[1:], lm()).text == "tells 2"
    assert Counts().update(State(numbers={"count": 1}), ANN, ANN.records[1:], lm()).numbers == {"count": 2}


def test_the_configuration_is_the_constructors_keywords():
    assert Tells("x").config == {"word": "x"} and Tells(**Tells("x").config) == Tells("x") != Tells()


def test_what_fit_learnt_is_the_instances_own_and_not_its_class():
    fitted = Tells()
    fitted.fit([ANN], lm())
    assert fitted.shared.numbers == {"people": 1} and Tells().shared.numbers == {}
    assert fitted == Tells()  # equality is of the configuration


def test_a_chain_bends_in_order_and_gives_each_link_its_own_state():
    chain = Chain(Tells("a"), Bends(), Tells("b"))
    chain.fit([ANN, BOB], lm())
    state = chain.enroll([BOB, ANN], lm())[1]
    bent = chain.personalize(state, ask("q"), lm())
    assert bent.messages[0].content == "a 2 of 2\n\nb 2 of 2" and bent.prefix.vectors.tolist() == [[2, 2]]
    assert bent.because == tuple(f"record:{record.id}" for record in ANN.records) * 2 and bent.question == "q"
    assert [part.text for part in state.parts] == ["a 2", "", "b 2"]


def test_a_chain_needs_what_its_links_need():
    assert Chain(Tells(), Bends()).needs == {"prefix"} and Chain(Tells()).needs == frozenset()
    with pytest.raises(ModelError, match="Chain needs prefix"):
        Assistant(lm(can=()), Chain(Tells(), Bends()))


def test_a_chain_updates_each_link_in_its_own_way():
    chain = Chain(Tells(), Counts())
    before = chain.enroll([User("ann", ANN.records[:1])], lm())[0]
    after = chain.update(before, ANN, ANN.records[1:], lm())
    assert after.parts[0].text == "tells 2" and after.parts[1].numbers == {"count": 2}


def test_what_a_chain_learnt_together_reaches_its_links_when_loaded():
    fitted, restarted = Chain(Tells("a"), Chain(Tells("b"), Bends())), Chain(Tells("a"), Chain(Tells("b"), Bends()))
    fitted.fit([ANN, BOB], lm())
    restarted.shared = load(dump(fitted.shared))
    state = fitted.enroll([ANN], lm())[0]
    assert restarted.personalize(state, ask("q"), lm()) == fitted.personalize(state, ask("q"), lm())
    assert "of 2" in restarted.personalize(state, ask("q"), lm()).messages[0].content


def test_an_empty_chain_changes_nothing():
    chain = Chain()
    state = chain.enroll([ANN, BOB], lm())[1]
    assert chain.personalize(state, ask("q"), lm()) == ask("q") and chain.needs == frozenset()


def test_a_link_that_answers_has_the_last_word():
    chain = Chain(Tells(), Answers())
    made = chain.personalize(chain.enroll([BOB], lm())[0], ask("q"), lm())
    assert made == Reply("answered after 2 messages", (f"record:{BOB.records[0].id}",))


def test_chains_are_equal_by_their_links():
    assert Chain(Tells("a"), Bends()) == Chain(Tells("a"), Bends()) != Chain(Bends(), Tells("a"))


def test_an_assistant_refuses_a_model_before_anything_runs():
    scripted = lm(can=("logprobs",))
    with pytest.raises(ModelError, match=r"Bends needs prefix.*'scripted'"):
        Assistant(scripted, Bends())
    assert not scripted.requests


def test_everyone_is_answered_as_themselves_in_the_order_asked():
    assistant = Assistant(lm(), Tells())
    assistant.fit([ANN, BOB])
    assistant.enroll([ANN, BOB])
    replies = assistant.replies(["bob", "ann", "bob"], [ask("x"), ask("y"), ask("z")])
    assert [reply.text for reply in replies] == ["to x: tells 1 of 2", "to y: tells 2 of 2", "to z: tells 1 of 2"]
    assert len(assistant.lm.requests) == 3


def test_an_unknown_person_is_answered_by_the_plain_model():
    assistant = Assistant(lm(), Chain(Tells(), Bends()))
    assistant.enroll([ANN])
    assert assistant.personalize(["who"], [ask("q")]) == [ask("q")]
    assert assistant.replies(["who"], [ask("q")])[0] == lm().generate([ask("q")])[0]


def test_people_enrolled_later_join_those_who_are_known():
    assistant = Assistant(lm(), Tells())
    first = assistant.enroll([ANN])
    assert assistant.enroll([BOB])[0].text == "tells 1" and first[0].text == "tells 2"
    assert assistant.states.keys() == {"ann", "bob"}
    assistant.enroll([User("ann", History())])
    assert assistant.states["ann"].text == "tells 0"


def test_replies_of_a_method_that_answers_stand_between_generated_ones():
    @dataclass
    class Sometimes(Answers):
        def personalize(self, state: State, request: Request, lm):
            return super().personalize(state, request, lm) if "self" in request.question else request

    assistant = Assistant(lm(), Sometimes())
    assistant.enroll([ANN])
    texts = [reply.text for reply in assistant.replies(["ann"] * 3, [ask("one"), ask("self"), ask("two")])]
    assert texts == ["to one: one", "answered after 1 messages", "to two: two"]


def test_scores_are_the_models_own_and_none_where_the_method_answers():
    assistant = Assistant(lm(), Tells())
    assistant.enroll([ANN])
    score = assistant.scores(["ann", "who"], [ask("q"), ask("q")], ["ann", "ann"])
    told = Tells().personalize(assistant.states["ann"], ask("q"), lm())
    assert score == lm().score([told, ask("q")], ["ann", "ann"]) and score[0] != score[1]
    answering = Assistant(lm(), Answers())
    answering.enroll([ANN])
    assert answering.scores(["ann", "who"], [ask("q"), ask("q")], ["a", "a"])[0] is None
    assert not answering.lm.scored[1:]


def test_nothing_asked_is_nothing_answered():
    assistant = Assistant(lm(), Tells())
    assert assistant.replies([], []) == [] and assistant.scores([], [], []) == [] and assistant.enroll([]) == []
    assert not assistant.lm.requests
