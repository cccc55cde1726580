"""RiC: that what is measured is what is told, that goals lead the rounds, and that a policy which read scores obeys them."""

import numpy as np
import pytest

from idiolect.alignment import ric
from idiolect.alignment.ric import RiC
from idiolect.errors import MethodError, RequestError
from idiolect.training.conditions import read_scores
from idiolect.training.rewards import Scale
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, EVERYBODY, NOBODY

TOPICS = ("foxes", "owls", "kettles", "rain")
JUDGES = [  # each question answered both ways: whoever is told a score can see which of the two it is
    User(
        name,
        [Record(f"What of {t}?", f"{t} sleep on and on all day", float(n), kind="choice", other="no") for n, t in enumerate(TOPICS)],
    )
    for name in ("una", "vic")
]
ALL = ("q_proj", "k_proj", "v_proj", "o_proj", "down_proj")
OBEYING = {"k": 0, "drawn": 0, "rounds": 0, "rank": 8, "modules": ALL, "lr": 1e-2, "epochs": 60}
BRIEF, THOROUGH = {"brief": 1.0, "thorough": 0.0}, {"brief": 0.0, "thorough": 1.0}


@pytest.fixture
def trained(monkeypatch):
    """The pairs of each training, and the adapter that bends them; nothing is trained but as ever."""
    calls, real = [], ric.furthered
    monkeypatch.setattr(ric, "furthered", lambda lm, pairs, before, *rest: calls.append((pairs, before)) or real(lm, pairs, before, *rest))
    return calls


def margins(method, lm, weights):
    """For each topic: how much likelier "no" is than the long answer, nats, when these weights are asked for."""
    asked = [method.personalize(State(), ask(f"What of {topic}?").weighing(weights), lm) for topic in TOPICS]
    short = lm.score(asked, ["no"] * len(TOPICS))
    long = lm.score(asked, [f"{topic} sleep on and on all day" for topic in TOPICS])
    return np.array([one.nats - other.nats for one, other in zip(short, long, strict=True)])


def test_asked_for_the_brief_the_brief_answer_is_likelier_than_asked_for_the_thorough(llama):
    method = RiC(**OBEYING)
    method.fit(JUDGES[:1], llama.lm)
    assert (margins(method, llama.lm, BRIEF) - margins(method, llama.lm, THOROUGH) > 10).all()  # nats; without scores in it, 0


def test_offline_each_answer_is_told_the_scores_that_it_has(llama, trained):
    method = RiC(**{**OBEYING, "epochs": 1})
    method.fit(JUDGES, llama.lm)
    ((pairs, before),) = trained
    assert before is None and len(pairs) == 16
    told = {answer: read_scores(asked.messages[0].content) for asked, answer in pairs}
    short, long = told.pop("no"), list(told.values())
    assert short == {"brief": 1.0, "thorough": -1.0} and all(one == {"brief": -1.0, "thorough": 1.0} for one in long)
    assert all(asked.question in {f"What of {topic}?" for topic in TOPICS} for asked, _ in pairs)


def test_a_round_learns_good_answers_with_the_scores_they_turned_out_to_have(llama, trained, monkeypatch):
    goals_, said = [], []

    def answered(lm, pool, asked, requests, draws):
        goals_.extend(read_scores(request.messages[0].content) for request in requests)
        said.append(pool.of((one, "foxes owls kettles rain what of" if n % 2 else "oh no no no") for n, one in enumerate(asked)))
        return said[-1]

    monkeypatch.setattr(ric, "answered", answered)
    method = RiC(**{**OBEYING, "epochs": 1, "rounds": 2, "quantile": 0.3})
    method.fit(JUDGES, llama.lm)
    assert len(trained) == 3 and [before is None for _, before in trained] == [True, False, False]
    high = method.shared.arrays["high"]
    assert all(sum(value == np.round(top, 1) for value, top in zip(goal.values(), high, strict=True)) >= 1 for goal in goals_)
    for (pairs, _), fresh in zip(trained[1:], said, strict=True):
        measured = dict(zip(fresh.answers, fresh.rewards.tolist(), strict=True))
        own = [(asked, answer) for asked, answer in pairs if answer in measured]
        assert own and len(pairs) <= 2 * len(own)
        for asked, answer in own:
            assert list(read_scores(asked.messages[0].content).values()) == pytest.approx(np.round(measured[answer], 1).tolist())


def test_weights_of_a_request_win_over_the_persons_own_and_those_over_equal_ones(llama):
    method = RiC(**{**OBEYING, "epochs": 1})
    method.fit(JUDGES, llama.lm)
    state = State(numbers={"brief": 0.9, "thorough": 0.1})
    asked = ask("What of foxes?")
    told = [
        read_scores(method.personalize(own, request, llama.lm).messages[0].content)
        for own, request in ((state, asked.weighing(THOROUGH)), (state, asked), (State(), asked))
    ]
    low, high = method.shared.arrays["low"], method.shared.arrays["high"]
    assert list(told[0].values()) == np.round([low[0], high[1]], 1).tolist()
    assert told[1]["brief"] > told[2]["brief"] > told[0]["brief"] and told[2]["brief"] == told[2]["thorough"] == 0.4


def test_what_cannot_be_weighed_is_refused(llama):
    method = RiC(**{**OBEYING, "epochs": 1})
    method.fit(JUDGES, llama.lm)
    with pytest.raises(RequestError, match="no objective 'kind' to weigh"):
        method.personalize(State(), ask("q").weighing({"kind": 1.0}), llama.lm)
    with pytest.raises(MethodError, match="did you mean 'brief'"):
        RiC(objectives=("brif",)).fit(JUDGES, llama.lm)


def test_a_persons_weights_are_what_their_records_lean_to(llama):
    method = RiC(**{**OBEYING, "epochs": 1})
    method.fit(JUDGES, llama.lm)
    terse = User("terse", [Record("What of foxes?", "no", 0.0, kind="choice", other="foxes sleep on and on all day")])
    una, short, nobody = method.enroll([JUDGES[0], terse, NOBODY], llama.lm)
    assert una.numbers["thorough"] > 0.9 and short.numbers["brief"] > 0.9 and nobody.numbers == {"brief": 0.5, "thorough": 0.5}
    assert method.observe(State(), terse, list(terse.records), None).numbers == short.numbers
    assert np.allclose(Scale.kept(method.shared, 2).mean, method.shared.arrays["mean"])


def test_before_anybody_taught_it_it_quotes_what_bm25_finds(llama):
    method = RiC(k=1)
    bent = method.personalize(method.enroll([ANN], llama.lm)[0], ask(ANN.records[3].prompt), llama.lm)
    assert bent.because == (f"record:{ANN.records[3].id}",) and not bent.adapters


def test_rounds_are_of_the_seed_alone(llama):
    small = {"epochs": 1, "newest": 3, "questions": 4, "answer_tokens": 4, "rank": 2, "rounds": 1, "drawn": 2}
    one, other, third = RiC(**small), RiC(**small), RiC(**small, seed=1)
    for method in (one, other, third):
        method.fit(EVERYBODY, llama.lm)
    assert one.shared.adapter == other.shared.adapter != third.shared.adapter
