"""PIORS: whose words stand in a simulated dialogue, what it teaches, and what is told at use."""

from collections import Counter

import pytest

from idiolect.adaptation import piors
from idiolect.adaptation.piors import ASKED, PIORS, TOLD
from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.training.roles import EXAMPLES, FACTS, QUESTION, THANKS
from idiolect.training.simulation import ANSWER, Action
from idiolect.types import Record, Request, State, User, ask
from idiolect.wording import QUOTED
from tests.conformance.people import ANN, BOB, CYD, EVERYBODY, NOBODY, conversation, marks, text_of
from tests.tiny_models import tiny_llama

SMALL = {"rank": 2, "epochs": 2, "turn_tokens": 4}
MATTER = "Write a title for this abstract:\n\nA study of foxes, of herons and of the quay on which both of them sleep in winter, part"
EVE = User(
    "eve",
    [Record("", "I live in Ghent.", 0.0), *(Record(f"{MATTER} {time}", f"the foxes of part {time}", float(time)) for time in range(1, 5))],
)
DRIVEL = ScriptedLM(lambda asked: "la la", can=("adapters", "train"))


@pytest.fixture
def trained(monkeypatch):
    """The pairs of each call of `sft`, which runs as ever."""
    calls, real = [], piors.sft
    monkeypatch.setattr(piors, "sft", lambda lm, jobs, **options: calls.append(list(jobs[0])) or real(lm, jobs, **options))
    return calls


def said_in(dialogue):
    return "\n".join(turn.text for turn in dialogue.turns)


def test_every_dialogue_ends_in_the_persons_real_answer_and_keeps_the_order_of_roles():
    made = PIORS().simulated([EVE, *EVERYBODY], DRIVEL)
    assert len(made) == len(EVE.records) + len(ANN.records) + len(BOB.records) + len(CYD.records)
    for lesson in made:
        roles = [turn.role for turn in lesson.dialogue.turns]
        assert lesson.dialogue.closed and roles == ["person", "server"] * (len(roles) // 2) + ["person"]
        assert (lesson.dialogue.done[-1], lesson.dialogue.turns[-2].text) == (ANSWER, lesson.dialogue.scene.answer)
        assert lesson.dialogue.turns[-1].text == THANKS


def test_a_simulated_dialogue_holds_one_persons_words_and_of_those_only_earlier_ones_and_the_answer():
    for lesson in PIORS(anchors=0.0, asked=1.0).simulated(EVERYBODY, DRIVEL):
        ((name, number),) = marks(lesson.dialogue.scene.answer)
        others = marks("\n".join(turn.text for turn in lesson.dialogue.turns if turn.action != ANSWER))
        assert {who for who, _ in others} <= {name} and all(earlier < number for _, earlier in others)
        assert marks(repr(lesson.had)) == others  # all that is known was asked for and said


def test_who_says_little_with_nothing_on_record_is_asked_for_it_all():
    made = PIORS(anchors=0.0, short=1.0, asked=1.0).simulated([EVE], DRIVEL)
    last = next(lesson.dialogue for lesson in made if lesson.dialogue.scene.answer == "the foxes of part 4")
    assert last.done == (Action("ask", QUESTION), Action("ask", FACTS), Action("ask", EXAMPLES), ANSWER)
    assert last.turns[2].text == f"{MATTER} 4" and last.turns[4].text == "I live in Ghent" and "the foxes of part 3" in last.turns[6].text


def test_the_traits_of_people_have_the_shares_that_were_set():
    traits = PIORS(anchors=0.25, short=0.7, asked=0.4)._traits(400)
    free = [one for one in traits if one != {"opening": "whole", FACTS: TOLD, EXAMPLES: TOLD}]
    kinds = Counter(tuple(one.items()) for one in traits)
    assert kinds[("opening", "whole"), (FACTS, TOLD), (EXAMPLES, TOLD)] >= 100
    assert Counter(one["opening"] for one in traits)["short"] == 210
    assert Counter(one[FACTS] for one in free)[ASKED] == Counter(one[EXAMPLES] for one in free)[ASKED] == 120


def test_an_anchor_is_taught_exactly_as_it_is_asked_at_use(trained):
    llama, method = tiny_llama(1024), PIORS(anchors=1.0, **SMALL)
    method.fit([EVE], llama.lm)
    before = method.enroll([User("eve", EVE.records.before(EVE.records[4]))], llama.lm)[0]
    used = method.personalize(before, ask(EVE.records[4].prompt), llama.lm)
    taught, answer = next(pair for pair in trained[0] if pair[1] == EVE.records[4].answer)
    assert taught == Request(used.messages, used.sampling, because=used.because) and answer == "the foxes of part 4"
    assert "What to do next: Answer." in used.messages[0].content and "Known: I live in Ghent" in used.messages[0].content
    assert used.adapters == ((method.shared.adapter, 1.0),) and QUOTED in used.messages[0].content


def test_what_is_not_on_record_is_not_told_but_stands_in_the_dialogue_once_it_was_asked_for(trained):
    PIORS(anchors=0.0, short=0.0, asked=1.0, speakers="rule", **SMALL).fit([EVE], tiny_llama(1024).lm)
    for request, answer in trained[0]:
        assert "Ghent" not in request.messages[0].content and QUOTED not in request.messages[0].content
        if answer == "the foxes of part 4":
            assert any(message.role == "user" and "Ghent" in message.content for message in request.messages)
            assert any(message.role == "assistant" and message.content.endswith("?") for message in request.messages)


def test_the_servers_questions_are_taught_with_the_action_they_carry_out(llama, trained):
    method = PIORS(anchors=0.0, short=1.0, speakers="rule", **SMALL)
    method.fit([EVE], llama.lm)
    asked = [(request, answer) for request, answer in trained[0] if answer.endswith("?")]
    assert asked and all("What to do next: Ask for" in request.messages[0].content for request, _ in asked)
    assert len(trained[0]) - len(asked) == len(EVE.records)
    assert method.shared.numbers == {"dialogues": 5, "turns": len(trained[0]), "vetoed": 0}


def test_turns_worded_by_a_model_that_cannot_are_vetoed_counted_and_said_plainly():
    plain, drivel = PIORS(speakers="rule"), PIORS()
    by_rule, by_model = (method.simulated([EVE], DRIVEL) for method in (plain, drivel))
    assert [lesson.dialogue.turns for lesson in by_model] == [lesson.dialogue.turns for lesson in by_rule]
    asked = sum(action.name == "ask" for lesson in by_rule for action in lesson.dialogue.done)
    assert sum(lesson.dialogue.vetoed for lesson in by_model) == asked > 0


def test_a_model_may_supervise_and_answer_without_asking():
    def say(asked):
        return "2" if "What comes next?" in asked.question else "la la"

    made = PIORS(anchors=0.0, short=0.0, asked=1.0, supervisor="model").simulated([EVE], ScriptedLM(say, can=()))
    by_rule = PIORS(anchors=0.0, short=0.0, asked=1.0).simulated([EVE], DRIVEL)
    assert sum(len(lesson.dialogue.done) for lesson in made) < sum(len(lesson.dialogue.done) for lesson in by_rule)
    assert all(lesson.dialogue.closed and lesson.dialogue.done[-1] == ANSWER for lesson in made)


def test_no_more_dialogues_are_simulated_than_asked_for_and_the_same_ones_again():
    method = PIORS(dialogues=7)
    made = method.simulated(EVERYBODY, DRIVEL)
    assert len(made) == 7 and made == method.simulated(EVERYBODY, DRIVEL)


def test_a_model_that_is_not_told_a_role_it_has_is_refused():
    for wrong in ({"speakers": "gpt"}, {"supervisor": "nobody"}):
        with pytest.raises(MethodError, match="'model' or 'rule'"):
            PIORS(**wrong).simulated([EVE], DRIVEL)


def test_enrolling_trains_nothing_and_keeps_the_records_whether_or_not_they_are_quoted(llama, trained):
    for k in (0, 2):
        states = PIORS(k=k).enroll([BOB, NOBODY], llama.lm)
        assert [(state.records, state.adapter, state.text) for state in states] == [(BOB.records, None, ""), (NOBODY.records, None, "")]
    assert not trained


def test_all_are_bent_by_one_adapter_and_told_what_is_theirs(llama):
    method = PIORS(**SMALL)
    method.fit([ANN, BOB], llama.lm)
    for user in (ANN, CYD):  # Cyd was not there when it was learnt
        bent = method.personalize(State(records=user.records), ask("Of foxes?"), llama.lm)
        assert bent.adapters == ((method.shared.adapter, 1.0),) and {name for name, _ in marks(text_of(bent))} == {user.id}
    shared = method.shared
    assert not (shared.records or shared.text or shared.facts or shared.people)


def test_before_it_has_learnt_and_without_records_the_request_is_the_plain_one(llama):
    for asked in (ask("Of foxes?"), conversation()):
        assert PIORS().personalize(State(), asked, llama.lm) == asked


def test_dialogues_longer_than_the_window_and_nobody_at_all_are_withstood(llama):
    long = User("long", [Record("foxes and dogs " * 150, "the fox sleeps " * 150, float(time)) for time in range(3)])
    for users in ([long], [], [NOBODY]):
        method = PIORS(anchors=0.0, short=1.0, asked=1.0, **SMALL)
        method.fit(users, llama.lm)
        assert method.shared.numbers["dialogues"] == sum(len(user.records) for user in users)


def test_what_was_learnt_makes_the_real_answers_likelier(llama):
    method = PIORS(rank=8, epochs=10, lr=1e-2, speakers="rule")
    method.fit([EVE], llama.lm)
    state, record = method.enroll([EVE], llama.lm)[0], EVE.records[4]
    bent = method.personalize(state, ask(record.prompt), llama.lm)
    plain = Request(bent.messages, bent.sampling)
    before, after = llama.lm.score([plain, bent], [record.answer] * 2)
    assert after.nats > before.nats
