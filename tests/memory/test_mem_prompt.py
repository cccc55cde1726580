"""MemPrompt on a stream of ambiguous questions and a scripted model that is right iff the clarification is told."""

import random

from idiolect.assistant import Assistant, Kept
from idiolect.memory.mem_prompt import MemPrompt
from idiolect.models.scripted import ScriptedLM
from idiolect.store import Store
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ODD_TEXTS

KINDS = {  # how it is asked, and what is meant
    "What is like < {} > ?": "when I ask for like, I want a synonym",
    "What has a < {} > ring to it ?": "when I ask for a ring, I want a homonym",
    "< {} > can be used how ?": "when I ask for can be used how, I want a sentence",
    "Expand on < {} > please": "when I ask to expand, I want a definition",
}
WORDS = "fox dog date parser street model heron bun rain train".split()


def stream(count=60, seed=0):
    chance = random.Random(seed)
    return [(kind.format(chance.choice(WORDS)), KINDS[kind]) for kind in chance.choices(list(KINDS), k=count)]


def right_iff_told():
    return ScriptedLM(lambda asked: "right" if meaning(asked.question) in asked.messages[0].content else "wrong", can=())


def meaning(question):
    return next(meant for kind, meant in KINDS.items() if kind.partition("< {} >")[2] == question.partition(">")[2])


def wrong_times(p, method=None):
    """How often each kind of question was answered wrong, where the person clarifies a wrong answer with probability `p`."""
    assistant, chance = Assistant(right_iff_told(), method or MemPrompt()), random.Random(1)
    wrong = dict.fromkeys(KINDS.values(), 0)
    for time, (question, meant) in enumerate(stream()):
        reply = assistant.replies(["ann"], [ask(question)])[0].text
        wrong[meant] += reply == "wrong"
        if reply == "wrong" and chance.random() < p:
            assistant.observe("ann", Record(question, meant, float(time), kind="correction", other=reply))
    return wrong


def test_with_every_mistake_clarified_each_kind_of_question_is_wrong_once():
    assert set(wrong_times(1.0).values()) == {1}


def test_mistakes_fall_as_clarifications_are_given_more_often_and_without_any_none_is_avoided():
    counts = [sum(wrong_times(p).values()) for p in (0.0, 0.1, 0.3, 1.0)]
    assert counts[0] == 60 and counts == sorted(counts, reverse=True) and counts[0] > counts[1] > counts[-1]


def told(feedback, question, **settings):
    return MemPrompt(**settings).personalize(State(records=feedback), ask(question), ScriptedLM())


RING = Record("What has a < fox > ring to it ?", "I want a homonym", 1.0, kind="correction", other="a bell")


def test_the_same_question_of_another_word_and_a_near_one_are_told_and_an_unrelated_one_is_not():
    for question in ("What has a < street > ring to it ?", "what had a <dog> ring to it"):
        bent = told([RING], question)
        assert "I want a homonym" in bent.messages[0].content and bent.because == (f"record:{RING.id}",)
    assert told([RING], "Where does the train to Oslo leave?") == ask("Where does the train to Oslo leave?")


def test_the_matter_after_an_instruction_is_no_part_of_the_cell():
    short = Record("Write a title:\n\nOf foxes that sleep.", "Titles in lower case, please.", 1.0, kind="correction")
    assert "lower case" in told([short], "Write a title:\n\nA quite different matter, of trains and of rain.").messages[0].content


def test_the_latest_clarification_of_a_kind_of_question_is_the_one_told():
    later = Record("What has a < bun > ring to it ?", "I want a rhyme", 2.0, kind="correction")
    text = told([RING, later], "What has a < street > ring to it ?").messages[0].content
    assert "rhyme" in text and "homonym" not in text


def test_the_growing_prompt_tells_all_feedback_that_fits_the_newest_first():
    feedback = [Record(f"question {i}", f"note {i} " + "word " * 40, float(i), kind="correction") for i in range(30)]
    lm = ScriptedLM()
    lm.window = 600  # tokens of four letters
    bent = told_by(lm, feedback)
    kept = [i for i in range(30) if f"note {i} " in bent.messages[0].content]
    assert 0 < len(kept) < 30 and kept == list(range(30 - len(kept), 30))
    assert any(reason.startswith("left out:record:") for reason in bent.because)


def told_by(lm, feedback):
    return MemPrompt(lookup="all").personalize(State(records=feedback), ask("What else?"), lm)


def test_words_in_common_find_a_question_again_whatever_their_order():
    assert told([RING], "to it what ring has a", lookup="hash").because
    assert not told([RING], "to it what ring has a").because and not told([RING], "Where does the train leave?", lookup="hash").because


def test_a_correction_changes_the_next_answer_and_says_so_also_after_a_restart(tmp_path):
    correction = Record("What is like < fox > ?", KINDS["What is like < {} > ?"], 1.0, kind="correction", other="wrong")
    asked = ask("What is like < heron > ?")
    with Store(tmp_path / "people.db") as store:
        assistant = Assistant(right_iff_told(), MemPrompt(), Kept(store, "MemPrompt", MemPrompt().config))
        assert assistant.replies(["ann"], [asked])[0].text == "wrong"
        assert assistant.observe("ann", correction).changed == ("records",)
        reply = assistant.replies(["ann"], [asked])[0]
        assert reply.text == "right" and reply.because == (f"record:{correction.id}",)
        assert assistant.replies(["bob"], [asked])[0].text == "wrong"
    with Store(tmp_path / "people.db") as store:
        again = Assistant(right_iff_told(), MemPrompt(), Kept(store, "MemPrompt", MemPrompt().config))
        assert again.replies(["ann"], [asked])[0] == reply


def test_messages_teach_it_nothing():
    people = [User("ann", [Record("What is like < fox > ?", "a vixen", 1.0)])]
    assert MemPrompt().enroll(people, ScriptedLM())[0].records == State().records


def test_any_text_is_withstood_as_a_question_and_as_a_clarification():
    feedback = [Record(text, text, float(i), kind="correction", other=text) for i, text in enumerate(ODD_TEXTS)]
    for lookup in ("edits", "hash", "all"):
        assert all(told(feedback, text, lookup=lookup).question == text for text in ODD_TEXTS)
