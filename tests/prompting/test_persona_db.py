"""PersonaDB: two layers of items, what is told of people alike, and that nothing of one of them alone is ever told."""

import pytest

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.persona_db import EXTRACT, OTHERS, OWN, REFINE, PersonaDB
from idiolect.store.states import without
from idiolect.types import Record, User, ask
from tests.conformance.people import ANN, BOB, CYD, NOBODY, conversation, marks, text_of

QUESTION = ask("Speak of foxes and of sleep.")
SHARED = {"u0": "topics: rare orchids", "u1": "topics: Tea", "u2": "topics: Tea", "u3": "topics: Tea"}


def people(count=5):
    return [User(f"u{i}", [Record(f"What of u{i} garden {n}?", f"u{i} says garden {n}", n) for n in range(4)]) for i in range(count)]


def listing(refined=SHARED):
    """Everybody grows roses; what follows more generally is written in `refined`, by name."""

    def say(request):
        who = next(word for word in text_of(request).split() if word in {f"u{i}" for i in range(9)})
        return "- topics: roses\nshoe size: 40\nnonsense" if request.question == EXTRACT else f"topics: roses\n{refined.get(who, '')}"

    return ScriptedLM(say, can=())


def told(method, lm, user):
    return method.personalize(method.enroll([user], lm)[0], QUESTION, lm)


def others_of(text):
    return text.partition(f"{OTHERS}\n")[2].partition("\n\n")[0].splitlines()


def test_items_are_in_two_layers_and_only_in_the_form_that_was_asked_for():
    lm, user = listing(), people()[1]
    facts = PersonaDB().enroll([user], lm)[0].facts
    assert [(fact.text, fact.kind) for fact in facts] == [("topics: roses", "extracted"), ("topics: Tea", "refined")]
    assert all(fact.sources == tuple(record.id for record in user.records) for fact in facts)
    assert [request.question for request in lm.requests] == [EXTRACT, REFINE] and "topics: roses" in text_of(lm.requests[1])


def test_what_enough_people_alike_share_is_told_beside_the_persons_own_and_never_among_them():
    lm, method, users = listing(), PersonaDB(least=3), people()
    method.fit(users, lm)
    text = text_of(told(method, lm, users[4]))
    assert others_of(text) == ["topics: Tea"] and text.startswith(f"{OWN}\ntopics: roses\n\n{OTHERS}")
    own = text_of(told(method, lm, users[1]))
    assert OTHERS not in own and own.count("topics: Tea") == 1


@pytest.mark.parametrize(
    "least, expected", [(1, ["topics: Tea", "topics: rare orchids"]), (2, ["topics: Tea"]), (3, ["topics: Tea"]), (4, [])]
)
def test_an_item_of_fewer_people_than_least_is_told_to_nobody(least, expected):
    lm, method, users = listing(), PersonaDB(least=least), people()
    method.fit(users, lm)
    assert others_of(text_of(told(method, lm, users[4]))) == expected


def test_without_neighbours_it_is_structured_retrieval_of_the_person_alone():
    lm, users = listing(), people()
    with_none, alone = PersonaDB(neighbours=0), PersonaDB()
    with_none.fit(users, lm)
    assert told(with_none, lm, users[4]) == told(alone, lm, users[4]) and OTHERS not in text_of(told(alone, lm, users[4]))


def test_somebody_with_little_history_gets_what_is_shared_and_nobody_gets_nothing():
    lm, method = listing(), PersonaDB()
    method.fit(people(), lm)
    lurker = User("lurker", [Record("What of u4?", "u4", 0.0)])
    assert others_of(text_of(told(method, lm, lurker))) == ["topics: Tea"]
    assert method.personalize(method.enroll([NOBODY], lm)[0], conversation(), lm) == conversation()


def test_what_fit_found_is_not_asked_for_again_until_the_records_change():
    lm, method, users = listing(), PersonaDB(), people()
    method.fit(users, lm)
    before = len(lm.requests)
    again = method.enroll(users, lm)
    assert len(lm.requests) == before == 2 * len(users)
    fresh = PersonaDB().enroll(users, lm)
    assert [state.facts for state in again] == [state.facts for state in fresh]
    more = User("u1", [*users[1].records, Record("New", "u1 new", 9.0)])
    before = len(lm.requests)
    method.enroll([more], lm)
    assert len(lm.requests) == before + 2


def test_who_is_erased_counts_no_more():
    lm, method, users = listing(), PersonaDB(), people()
    method.fit(users, lm)
    method.shared = without(method.shared, "u3")
    assert others_of(text_of(told(method, lm, users[4]))) == []


def test_how_somebody_writes_is_not_told_to_others():
    lm, method, users = listing({f"u{i}": "manner: curt" for i in range(4)}), PersonaDB(), people()
    method.fit(users, lm)
    assert others_of(text_of(told(method, lm, users[4]))) == []


def test_counted_items_name_the_records_that_they_stand_in_and_nobody_is_asked():
    lm = ScriptedLM([])
    foxes = User("f", [Record(f"On sleep {i}", f"the foxes {i}" if i < 3 else f"an owl {i}", i) for i in range(5)])
    facts = PersonaDB(writer="counted").enroll([foxes], lm)[0].facts
    [item] = [fact for fact in facts if fact.text == "topics: foxes"]
    assert item.kind == "extracted" and item.sources == tuple(record.id for record in foxes.records[:3])
    assert [fact.text for fact in facts if fact.kind == "refined"][1:] == ["topics: sleep"]


def test_a_model_that_writes_no_list_is_replaced_by_counts():
    rambling = ScriptedLM(lambda request: "I think they are nice", can=())
    assert PersonaDB().enroll([ANN], rambling)[0].facts == PersonaDB(writer="counted").enroll([ANN], rambling)[0].facts != ()


def test_items_nearest_to_the_question_are_told_first_and_no_more_than_asked_for():
    lm, method = ScriptedLM([]), PersonaDB(own=2, k=0, writer="counted")
    user = User("many", [Record("", f"{word} {word}s", i) for i, word in enumerate(["foxes", "parsers", "dates"] * 2)])
    bent = method.personalize(method.enroll([user], lm)[0], ask("What do parsers do?"), lm)
    assert bent.messages[0].content.splitlines()[:2] == [OWN, "topics: parsers"] and len(bent.because) == 2


def test_no_word_of_one_persons_reaches_another():
    method, lm = PersonaDB(least=2, writer="counted"), ScriptedLM([])
    method.fit([ANN, BOB, CYD], lm)
    for user in (ANN, BOB, CYD):
        assert {name for name, _ in marks(text_of(told(method, lm, user)))} <= {user.id}
