"""Feedback of a model for records: what it is asked, what each record was worth, and what is left out."""

import numpy as np
import pytest

from idiolect.errors import MethodError, ModelError
from idiolect.models.scripted import ScriptedLM
from idiolect.retrieval.embedders import embed
from idiolect.training import feedback
from idiolect.training.feedback import Asking, lessons, questions, sample, untrained, worths
from idiolect.types import History, Record, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, marks, text_of

PEOPLE = [ANN, BOB, CYD, NOBODY]


def told_of(number):
    """A model that answers as Ann did, if it is told this record of hers."""
    return ScriptedLM(lambda asked: ANN.records[5].answer if ("ann", number) in marks(text_of(asked)) else "quite other words", can=())


def test_a_record_is_worth_the_likeness_of_the_answer_given_with_it_alone():
    start = untrained([ANN], "hash", rank=2, seed=0)
    made = lessons([ANN], told_of(2), start, "hash", Asking(newest=1, candidates=9))
    assert len(made) == 1 and sorted(made[0].worth) == [0, 0, 0, 0, 1]
    best = made[0].documents[int(made[0].worth.argmax())]
    assert best == pytest.approx(start.documents(ANN.records[:5])[2]) and (made[0].who, made[0].earlier) == (0, 5)
    assert made[0].asked == pytest.approx(start.question(ANN.records[5].prompt))


def test_candidates_come_in_the_untrained_rankers_order_and_are_its_first():
    start = untrained([ANN], "hash", rank=2, seed=0)
    made = lessons([ANN], ScriptedLM(), start, "hash", Asking(newest=2, candidates=3, by="likelihood"))
    assert made
    for lesson in made:
        near = start.scores(lesson.asked, lesson.documents)
        assert len(near) == 3 and list(near) == sorted(near, reverse=True)


def test_each_question_is_put_with_one_strictly_earlier_record_of_the_same_person():
    lm = ScriptedLM()
    lessons(PEOPLE, lm, untrained(PEOPLE, "hash", 2, 0), "hash", Asking(newest=3, candidates=4, answer_tokens=7))
    numbers = {record.prompt: (user.id, place) for user in PEOPLE for place, record in enumerate(user.records)}
    for asked in lm.requests:
        name, place = numbers[asked.question]
        ((who, number),) = marks(text_of(asked))
        assert who == name and number < place and asked.sampling.max_tokens == 7 and len(asked.because) == 1


def test_calls_are_bounded_and_the_draw_hangs_on_the_seed():
    most = Asking(newest=4, questions=5, candidates=2)
    assert len(questions(PEOPLE, most)) == 5 and questions(PEOPLE, most) == questions(PEOPLE, most)
    assert questions(PEOPLE, most) != questions(PEOPLE, Asking(newest=4, questions=5, seed=1))
    lm = ScriptedLM()
    lessons(PEOPLE, lm, untrained(PEOPLE, "hash", 2, 0), "hash", most)
    assert len(lm.requests) <= 10


def test_what_was_not_asked_or_not_written_or_has_nothing_before_it_is_no_question():
    own = [
        Record("p", "first", 1.0),
        Record("", "plain text", 2.0),
        Record("p", "5", 3.0, kind="rating", other="a reply"),
        Record("q", "edited", 4.0, kind="edit", other="a draft"),
    ]
    assert [record.answer for _, record in questions([User("u", History(own))], Asking())] == ["edited"]


def test_where_all_records_are_worth_the_same_nothing_is_to_be_learnt():
    start = untrained([ANN], "hash", rank=2, seed=0)
    assert lessons([ANN], ScriptedLM(lambda asked: "quite other words"), start, "hash", Asking(by="text")) == []
    assert lessons([NOBODY], ScriptedLM(), start, "hash", Asking()) == []


def test_by_likelihood_a_request_is_worth_the_nats_a_token_of_the_persons_answer():
    record, lm = ANN.records[5], ScriptedLM()
    near, far = ask("q").told(record.answer), ask("q").told("0123456789")
    made = worths(lm, [(record, [near, far, near])], "likelihood")[0]
    assert np.array_equal(made, worths(ScriptedLM(), [(record, [near, far, near])], "any")[0])
    assert made[0] == made[2] > made[1] and len(lm.scored) == 2, "what is equal is put once"
    score = ScriptedLM().score([near], [record.answer])[0]
    assert made[0] == pytest.approx(score.nats / len(score.logprobs))


def test_a_model_without_likelihoods_and_a_feedback_that_does_not_exist_are_refused():
    with pytest.raises(ModelError, match="feedback by likelihood needs logprobs"):
        worths(ScriptedLM(can=()), [(ANN.records[1], [ask("q")])], "likelihood")
    with pytest.raises(MethodError, match="not by 'stars'"):
        worths(ScriptedLM(), [(ANN.records[1], [ask("q")])], "stars")


def test_by_any_a_model_without_likelihoods_is_asked_for_answers():
    lm = ScriptedLM([ANN.records[1].answer], can=())
    assert worths(lm, [(ANN.records[1], [ask("q")])], "any")[0].tolist() == [1.0] and not lm.scored


def test_an_untrained_ranker_of_nobody_weighs_every_place_alike():
    start = untrained([NOBODY], "hash", rank=2, seed=0)
    assert start.left.shape == (1024, 2) and np.ptp(start.rarity) == 0


def test_a_sample_is_bounded_keeps_its_order_and_is_everything_where_that_is_little():
    drawn = sample(range(100), 10, seed=3)
    assert len(drawn) == 10 and list(drawn) == sorted(drawn) and drawn == sample(range(100), 10, seed=3) != sample(range(100), 10, seed=4)
    assert sample([3, 1, 2], 3, seed=0) == [3, 1, 2]


def test_rarity_is_read_from_a_bounded_number_of_people_and_records(monkeypatch):
    seen = []
    monkeypatch.setattr(feedback, "embed", lambda texts, by: seen.append(len(texts)) or embed(texts, by))
    monkeypatch.setattr(feedback, "PEOPLE", 2)
    monkeypatch.setattr(feedback, "LATEST", 3)
    untrained([ANN, BOB, CYD], "hash", rank=2, seed=0)
    assert seen == [6]
