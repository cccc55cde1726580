"""VAC's loop with a scripted reviser, and its training on the tiny model."""

import pytest

from idiolect.errors import MethodError
from idiolect.memory.vac import VAC, Revision, _most_gained, accepted
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.rag import RAG
from idiolect.training.pairs import together
from idiolect.types import Record, User, ask
from tests.tiny_models import tiny_llama

ANN = User(
    "ann",
    [Record(f"A title on {topic}?", f"the {topic} of the quay", float(time)) for time, topic in enumerate("foxes dogs herons".split())],
)
PAIRS = together([ANN], 1, 8, 8, 0)


def reviser(better):
    """Drafts badly; told what to do better, writes the person's own answer on the topics of `better`, and worse on the others."""

    def say(asked):
        topic = asked.question.split()[-1].rstrip("?")
        if "What to do better" not in asked.messages[0].content:
            return f"A Thing on {topic}!"
        return f"the {topic} of the quay" if topic in better else "nothing"

    return ScriptedLM(say, can=("adapters", "train"))


def test_accepted_is_what_is_strictly_better_than_its_draft():
    made = VAC().revisions(PAIRS, {}, {}, reviser(("foxes", "herons")))
    assert len(made) == 3 and [one.text for one in accepted(made)] == ["the foxes of the quay", "the herons of the quay"]
    assert not accepted(VAC().revisions(PAIRS, {}, {}, ScriptedLM(lambda asked: "the same", can=())))


def test_what_is_trained_on_says_nothing_of_feedback_or_drafts():
    made = VAC().revisions(PAIRS, {}, {}, reviser(("foxes",)))
    assert [one.asked for one in made] == [asked for asked, _ in PAIRS]
    assert all("better" not in message.content and "Thing" not in message.content for one in made for message in one.asked.messages)


def test_feedback_by_rules_says_what_the_person_would_have_done_otherwise():
    made = VAC().revisions(PAIRS, {}, {}, reviser(()))
    assert all("No exclamation marks." in one.feedback and "lower case" in one.feedback for one in made)


def test_a_model_that_criticizes_is_shown_both_and_its_words_reach_the_reviser():
    lm = ScriptedLM(lambda asked: "be plainer" if "would have written" in asked.question else "a draft", can=())
    made = VAC(critic="model").revisions(PAIRS, {}, {}, lm)
    assert {one.feedback for one in made} == {"be plainer"}
    assert sum("be plainer" in asked.messages[0].content for asked in lm.requests) == len(PAIRS)


def test_the_critic_learns_from_the_better_half_of_what_was_gained():
    made = [Revision(ask("q"), ask("c"), str(gain), "", 0.0, gain) for gain in (0.1, 0.5, 0.3)]
    assert [one.feedback for one in _most_gained(made)] == ["0.5", "0.3"]


def test_without_a_round_it_is_plain_retrieval():
    method, lm = VAC(rounds=0, k=2), reviser(())
    method.fit([ANN], lm)
    state = method.enroll([ANN], lm)[0]
    assert (
        not lm.requests
        and method.personalize(state, ask("Of dogs?"), lm).messages == RAG(k=2).personalize(state, ask("Of dogs?"), lm).messages
    )


@pytest.mark.parametrize("critic", ["rules", "model"])
def test_what_was_accepted_is_learnt_and_where_nothing_was_the_model_stays_as_it_is(critic, monkeypatch):
    lm, settings = tiny_llama().lm, {"rank": 2, "answer_tokens": 6, "lr": 0.05, "epochs": 8}
    monkeypatch.setattr("idiolect.memory.vac.alike", lambda said, wrote: 0.0)
    nothing = VAC(critic=critic, **settings)
    nothing.fit([ANN], lm)
    assert all(not b.any() for _, b in nothing.shared.adapter.modules.values())
    monkeypatch.undo()
    method = VAC(critic=critic, **settings)
    good = [Revision(asked, ask("c"), "plainer", own, 0.0, 1.0) for asked, own in PAIRS]
    monkeypatch.setattr(VAC, "revisions", lambda self, *_: good)
    method.fit([ANN], lm)
    before, after = (
        lm.score([asked.bent(adapters=shares) for asked, _ in PAIRS], [own for _, own in PAIRS])
        for shares in ({}, {method.shared.adapter: 1.0})
    )
    assert sum(one.nats for one in after) > sum(one.nats for one in before)


def test_a_critic_that_is_neither_is_refused():
    with pytest.raises(MethodError, match="'rules' or 'model'"):
        VAC(critic="nobody").revisions(PAIRS, {}, {}, ScriptedLM())
