"""ComPO: whose community is named, what its name does to the answers, and that a name alike for all is plain DPO."""

import numpy as np
import pytest

from idiolect.alignment import compo
from idiolect.alignment.compo import ComPO
from idiolect.training.choices import preferences
from idiolect.training.loop import Plan
from idiolect.training.preference import DPO, aligned
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ANN, BOB, NOBODY
from tests.training.conftest import near

SMALL = {"rank": 2, "answer_tokens": 4, "newest": 6, "shared_pairs": 16, "k": 0}
FOX, DOG = "the fox sleeps", "a dog runs on"


def person(name, said, taken, left):
    """Somebody who writes of one thing, and chooses."""
    wrote = [Record("Tell me", f"{said} {said} {i}", i) for i in range(2)]
    return User(name, [*wrote, *(Record(f"Question {i}?", f"{taken} {i}", 9 + i, "", "choice", f"{left} {i}") for i in range(3))])


PARSERS = [person(name, "the parser of dates", FOX, DOG) for name in ("ann", "amy")]
STREETS = [person(name, "Die Straße ist naß 🙂", DOG, FOX) for name in ("bob", "ben")]


def told(method, lm, state):
    return method.personalize(state, ask("Question 0?"), lm).messages[0].content


def test_people_who_write_alike_are_one_community_and_newcomers_join_the_nearest(llama):
    method = ComPO(**SMALL, communities=2)
    method.fit([*PARSERS, *STREETS], llama.lm)
    names = [told(method, llama.lm, state) for state in method.enroll([*PARSERS, *STREETS], llama.lm)]
    assert names[0] == names[1] != names[2] == names[3] and set(names) == {"Community: c1", "Community: c2"}
    newcomer = User("new", [Record("Tell me", "the parser of dates, again", 0.0)])
    assert told(method, llama.lm, method.enroll([newcomer], llama.lm)[0]) == names[0]


def test_one_person_alone_is_no_community_and_where_nobody_has_company_all_are_one(llama):
    for users, communities in (([*PARSERS, STREETS[0]], 2), ([PARSERS[0], STREETS[0]], 4)):
        method = ComPO(**SMALL, communities=communities)
        method.fit(users, llama.lm)
        assert {told(method, llama.lm, state) for state in method.enroll(users, llama.lm)} == {"Community: c1"}
        assert len(method.shared.arrays["centres"]) == 1


def test_somebody_who_wrote_nothing_is_told_a_generic_name_and_not_none(llama):
    method = ComPO(**SMALL, communities=2)
    method.fit([*PARSERS, *STREETS], llama.lm)
    assert told(method, llama.lm, method.enroll([NOBODY], llama.lm)[0]) == "Community: anyone" == told(method, llama.lm, State())


def test_named_communities_are_those_whose_name_a_persons_texts_are_nearest_to(llama, monkeypatch):
    places = {"north": np.array([0.0, 4.0]), "south": np.array([0.0, -4.0])}
    monkeypatch.setattr(compo, "of_question", lambda lm, name, depth: places[name])
    where = {"ann": (10.0, 1.0), "amy": (10.0, 1.5), "bob": (10.0, -2.0)}  # far from the names, but for what tells them apart
    whose = {record.id: name for name, user in (("ann", ANN), ("amy", BOB), ("bob", PARSERS[0])) for record in user.records}
    monkeypatch.setattr(compo, "portraits", lambda lm, histories, depth: np.array([where[whose[h[0].id]] for h in histories]))
    method = ComPO(**SMALL, communities=("north", "south"))
    users = [ANN, BOB, PARSERS[0]]
    method.fit(users, llama.lm)
    assert [told(method, llama.lm, s) for s in method.enroll(users, llama.lm)] == [f"Community: {n}" for n in ("north", "north", "south")]


def test_one_community_for_all_is_dpo_after_fine_tuning_on_the_same_text(llama):
    method = ComPO(**SMALL, communities=1)
    method.fit(PARSERS, llama.lm)
    pairs = [(r.told("Community: c1"), chosen, left) for user in PARSERS for r, chosen, left in preferences(user)]
    plans = (Plan(lr=2e-3, epochs=2, batch=16), Plan(lr=4e-5, epochs=2, batch=16))
    wanted = aligned(llama.lm, pairs, DPO(0.1), 2, *plans)
    assert all(near(part.adapter, own) for part, own in zip(method.shared.parts, wanted, strict=True))


@pytest.mark.parametrize("users", [[*PARSERS, *STREETS], [*STREETS, *PARSERS]])
def test_in_two_communities_of_opposite_tastes_the_name_turns_the_margin_round(llama, users):
    method = ComPO(**{**SMALL, "rank": 8, "lr": 5e-3, "own_lr": 2e-2, "epochs": 25}, communities=2)
    method.fit(users, llama.lm)
    margins = {}
    for state, user in zip(method.enroll(users, llama.lm), users, strict=True):
        bent = [method.personalize(state, ask(f"Question {i}?"), llama.lm) for i in range(3)]
        sides = [np.mean([s.nats for s in llama.lm.score(bent, [f"{text} {i}" for i in range(3)])]) for text in (FOX, DOG)]
        margins[user.id] = sides[0] - sides[1]
    assert margins["ann"] > 0 > margins["bob"] and margins["ann"] > margins["bob"] + 2
