"""What stands beside a pair that an encoder is taught on: the same person's records, strictly earlier, and as it will be at use."""

import dataclasses

import numpy as np
import pytest

from idiolect.training.embeddings import of_records
from idiolect.training.lessons import Course, last_vectors, lessons
from idiolect.types import History, Record, User
from tests.conformance.people import ANN, BOB, CYD, NOBODY

PEOPLE = [ANN, NOBODY, BOB, CYD]
ALL = Course(thinned=0.0)


def vectors_of(llama, *users):
    """Each record's vectors by its answer: no two people share an answer."""
    records = [record for user in users for record in user.records]
    return {record.answer: own for record, own in zip(records, of_records(llama.lm, records, 0.5), strict=True)}


def answers_beside(llama, lesson, known):
    """Whose vectors stand beside a lesson, by their answers, in the order given."""
    return [next(answer for answer, own in known.items() if np.allclose(own, row, atol=1e-5)) for row in lesson.history]


def test_beside_a_pair_stands_all_that_the_same_person_wrote_strictly_earlier_and_nothing_else(llama):
    known = vectors_of(llama, *PEOPLE)
    made = lessons(llama.lm, PEOPLE, ALL)
    assert len(made) == sum(len(user.records) for user in PEOPLE)
    for lesson, (user, record) in zip(made, [(u, r) for u in PEOPLE for r in u.records], strict=True):
        assert lesson.pair[1] == record.answer
        assert answers_beside(llama, lesson, known) == [earlier.answer for earlier in user.records if earlier.time < record.time]
        assert np.allclose(lesson.asked, known[record.answer][0], atol=1e-5)


def test_records_of_the_same_time_do_not_stand_beside_one_another(llama):
    twins = User("twins", History([Record("Of foxes?", "one", 1.0), Record("Of dogs?", "two", 2.0), Record("Of dates?", "three", 2.0)]))
    assert [len(lesson.history) for lesson in lessons(llama.lm, [twins], ALL)] == [0, 1, 1]


def test_only_the_last_of_the_earlier_records_are_taken_and_only_the_newest_are_asked_for(llama):
    known = vectors_of(llama, ANN)
    made = lessons(llama.lm, [ANN], dataclasses.replace(ALL, items=2, newest=3))
    answers = [record.answer for record in ANN.records]
    assert [lesson.pair[1] for lesson in made] == answers[3:]
    assert [answers_beside(llama, lesson, known) for lesson in made] == [answers[1:3], answers[2:4], answers[3:5]]


def test_thinning_leaves_out_some_records_and_keeps_the_order_of_the_others(llama):
    known = vectors_of(llama, ANN, BOB)
    answers = {record.answer: record.time for user in (ANN, BOB) for record in user.records}
    whole, thin = (lessons(llama.lm, [ANN, BOB], Course(thinned=share)) for share in (0.0, 0.9))
    kept = [answers_beside(llama, lesson, known) for lesson in thin]
    assert sum(map(len, kept)) < sum(len(lesson.history) for lesson in whole)
    assert all(times == sorted(times) for times in ([answers[a] for a in row] for row in kept))
    assert all(len(row) == len(set(row)) for row in kept)


def test_the_draw_depends_on_the_seed_alone_and_is_of_the_size_asked_for(llama):
    first, again, other = (lessons(llama.lm, PEOPLE, Course(at_most=5, seed=seed)) for seed in (1, 1, 2))
    pairs = [[lesson.pair for lesson in made] for made in (first, again, other)]
    assert pairs[0] == pairs[1] != pairs[2] and len(first) == 5
    assert all(np.array_equal(one.history, same.history) for one, same in zip(first, again, strict=True))


@pytest.mark.parametrize("k", [0, 2])
def test_a_question_is_told_as_many_earlier_records_in_words_as_are_asked_for(llama, k):
    times = {record.id: record.time for record in ANN.records}
    for (request, _), record in zip([lesson.pair for lesson in lessons(llama.lm, [ANN], Course(k=k))], ANN.records, strict=True):
        quoted = [times[reason.removeprefix("record:")] for reason in request.because]
        assert len(quoted) == min(k, int(record.time)) and all(time < record.time for time in quoted)


def test_at_use_an_encoder_is_told_the_last_records_of_each_person(llama):
    known = vectors_of(llama, *PEOPLE)
    made = last_vectors(llama.lm, PEOPLE, 2, 0.5)
    assert [len(own) for own in made] == [2, 0, 2, 2]
    assert np.allclose(made[2], [known[record.answer] for record in BOB.records[-2:]], atol=1e-5)
    assert last_vectors(llama.lm, [], 2, 0.5) == []


def test_people_without_records_give_no_lessons(llama):
    assert lessons(llama.lm, [NOBODY], ALL) == [] == lessons(llama.lm, [], ALL)
