"""Modular Pluralism: what each mode takes up, means that are known, and that whatever was drawn by lot is said."""

import pytest

from idiolect.alignment.modular_pluralism import ModularPluralism, named
from idiolect.errors import MethodError
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Adapter, Guide, Reply, State, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY

QUESTION = ask("Shall we meet early or late?", max_tokens=8)
MINE = State(records=ANN.records)
MESSAGES = {"one": "early in the morning", "two": "late at night", "three": " "}


def method(*names, mode="steerable", **settings):
    made = ModularPluralism(mode=mode, **settings)
    made.shared = State(parts=tuple(State(adapter=Adapter({}, 1.0 + i, name), numbers={"people": i + 1}) for i, name in enumerate(names)))
    return made


def system(request):
    return request.messages[0].content if len(request.messages) > 1 else ""


class Speaking(ScriptedLM):
    """Communities by their adapters' names, `choice` to whoever asks for a number, and else what was told."""

    def __init__(self, choice="2"):
        super().__init__(self.say, can=("adapters", "guide", "train"))
        self.choice = choice

    def say(self, request):
        if request.adapters:
            return MESSAGES[request.adapters[0][0].name]
        return self.choice if "number alone" in request.question else f"heard: {system(request)}"


def answered(made, lm, state=MINE):
    reply = made.personalize(state, QUESTION.sampled(max_tokens=64), lm)
    assert isinstance(reply, Reply)
    return reply


def test_overton_answers_with_everything_that_was_said():
    lm = Speaking()
    reply = answered(method("one", "two", mode="overton"), lm)
    assert "early in the morning" in reply.text and "late at night" in reply.text
    assert reply.calls == 3 and {"community:1", "community:2"} <= set(reply.because)


def test_steerable_answers_with_what_the_model_names_as_the_persons_and_names_the_records_it_chose_by():
    lm = Speaking("Number 2.")
    reply = answered(method("one", "two"), lm)
    assert "late at night" in reply.text and "morning" not in reply.text
    assert reply.calls == 4 and not any(reason.startswith("fallback") for reason in reply.because)
    choosing = next(request for request in lm.requests if "number alone" in request.question)
    assert "1. early in the morning\n2. late at night" in choosing.question and "annzq" in system(choosing)
    assert {reason for reason in reply.because if reason.startswith("record:")} == set(choosing.because)


def test_where_no_community_is_named_one_is_drawn_and_the_answer_says_so():
    replies = [answered(method("one", "two", seed=seed), Speaking("I cannot say")) for seed in range(12)]
    assert all("fallback: no community was named, one was drawn" in reply.because for reply in replies)
    assert len({reply.text for reply in replies}) == 2
    assert replies[0].text == answered(method("one", "two", seed=0), Speaking("9")).text


@pytest.mark.parametrize(("text", "found"), [("2", (1, True)), ("It is 3, or 1", (2, True)), ("40 or 1", (0, True)), ("", (0, False))])
def test_the_first_number_that_is_there_is_the_one_that_is_named(text, found):
    assert named(text, 3) == found


def test_a_community_that_says_nothing_is_left_out_and_counted():
    reply = answered(method("one", "three", mode="overton"), Speaking())
    assert "fallback: 1 of 2 communities said nothing" in reply.because and "community:2" not in reply.because
    silent = method("three", mode="overton")
    assert silent.personalize(MINE, QUESTION, Speaking()) == QUESTION


def test_who_has_no_records_hears_all_communities_and_without_communities_nothing_is_heard():
    nobody = answered(method("one", "two"), Speaking(), State())
    assert "early in the morning" in nobody.text and "late at night" in nobody.text
    assert ModularPluralism().personalize(MINE, QUESTION, Speaking()) == QUESTION


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(MethodError, match="not as 'loud'"):
        method("one", mode="loud").personalize(MINE, QUESTION, Speaking())


class Heard(ScriptedLM):
    """Keeps the request that asks for the mean, and answers with nothing."""

    def say(self, request):
        return MESSAGES[request.adapters[0][0].name] if request.adapters else "x"

    def __init__(self):
        super().__init__(self.say, can=("adapters", "guide"))


def distribution(*names, **settings):
    lm = Heard()
    answered(method(*names, mode="distributional", **settings), lm)
    return lm.requests[-1]


def test_distributional_is_the_mean_over_communities_told_one_at_a_time():
    put = distribution("one", "two")
    assert put.guide.rule == "arithmetic" and put.guide.weights == (0.5, 0.5)
    assert "early in the morning" in system(put) and "late at night" in system(put.guide.companions[0])
    assert distribution("one", "two", population=True).guide.weights == pytest.approx((1 / 3, 2 / 3))


def test_of_one_community_the_distribution_is_that_of_a_single_prompt_and_order_changes_nothing(llama):
    one = distribution("one")
    assert one.guide == Guide((), (1.0,), "arithmetic")
    options = ("early", "late", "a", "b")
    plain = ask(QUESTION.question).told(system(one))
    scores = [[score.nats for score in llama.lm.score([request] * 4, options)] for request in (one, plain)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    mean, turned = (
        [score.nats for score in llama.lm.score([distribution(*names)] * 4, options)] for names in (("one", "two"), ("two", "one"))
    )
    assert mean == pytest.approx(turned, abs=1e-4) and mean != pytest.approx(scores[0], abs=1e-3)


def test_it_is_learnt_from_people_and_answers_in_every_mode(llama):
    settings = {"rank": 2, "epochs": 1, "newest": 3, "message_tokens": 5, "count": 2}
    texts = set()
    for mode in ("overton", "steerable", "distributional"):
        made = ModularPluralism(**settings, mode=mode)
        made.fit([ANN, BOB, CYD, NOBODY], llama.lm)
        assert sum(part.numbers["people"] for part in made.shared.parts) == 3
        reply = made.personalize(MINE, QUESTION, llama.lm)
        assert isinstance(reply, Reply) and reply.calls >= 2
        texts.add(reply.text)
    assert len(texts) > 1
