"""ALOE: replies drawn with what a person revealed are preferred; nothing unrevealed is ever told; a judge may turn a pair round."""

from idiolect.alignment.aloe import ALOE
from idiolect.models.scripted import ScriptedLM
from idiolect.types import Record, User, ask
from tests.conformance.people import ANN, BOB, NOBODY, marks, text_of


def knows(request):
    return "Wrote: " in text_of(request)


def replies(known, unknown):
    return ScriptedLM(lambda request: known if knows(request) else unknown)


def test_the_reply_that_knew_the_person_is_preferred_to_the_one_that_did_not():
    made = ALOE(k=0, judged=False).pairs([ANN], replies("as they like it", "as anybody"))
    assert [(request.question, better, worse) for request, better, worse in made] == [
        (record.prompt, "as they like it", "as anybody") for record in ANN.records[1:]
    ]
    assert not any(knows(request) for request, *_ in made)


def test_what_is_shown_is_the_persons_own_and_strictly_earlier_than_what_is_asked():
    lm = replies("one", "other")
    ALOE(shown=9).pairs([ANN, BOB], lm)
    asked = {record.prompt: (user.id, number) for user in (ANN, BOB) for number, record in enumerate(user.records)}
    knowing = [request for request in lm.requests if knows(request)]
    assert len(knowing) == 5 + 4
    for request in knowing:
        name, number = asked[request.question]
        assert marks(text_of(request)) == {(name, earlier) for earlier in range(number)}


def test_the_conversation_that_is_trained_on_shows_less_than_the_hint():
    lm = replies("one", "other")
    made = ALOE(k=1, shown=9).pairs([ANN], lm)
    assert [len(request.because) for request, *_ in made] == [1] * 5
    hints = [request for request in lm.requests if knows(request)]
    assert [text_of(request).count("Wrote: ") for request in hints] == [1, 2, 3, 4, 5]
    assert all("How this person writes:" in text_of(request) for request in hints)


def test_a_judge_turns_a_pair_round_where_the_reply_that_knew_is_further_from_what_the_person_wrote():
    user = User("ann", [Record("On dogs?", "they run", 0.0), Record("On foxes?", "foxes sleep", 1.0)])
    lm = replies("dogs run", "foxes sleep well")
    assert [pair[1:] for pair in ALOE().pairs([user], lm)] == [("foxes sleep well", "dogs run")]
    assert [pair[1:] for pair in ALOE(judged=False).pairs([user], lm)] == [("dogs run", "foxes sleep well")]


def test_equal_replies_and_questions_before_anything_was_revealed_teach_nothing():
    assert ALOE().pairs([ANN], replies("same", "same ")) == []
    lm = replies("one", "other")
    assert ALOE().pairs([User("one", ANN.records[:1]), NOBODY], lm) == [] and not lm.requests


def test_two_adapters_are_learnt_by_all_and_a_person_is_their_records(llama):
    method = ALOE(answer_tokens=4, rank=2)
    method.fit([ANN, BOB], llama.lm)
    bent = method.personalize(method.enroll([ANN], llama.lm)[0], ask(ANN.records[0].prompt), llama.lm)
    assert [adapter for adapter, _ in bent.adapters] == [part.adapter for part in method.shared.parts] and len(bent.adapters) == 2
    assert knows(bent) and any(b.any() for part in method.shared.parts for _, b in part.adapter.modules.values())
