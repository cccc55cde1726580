"""CIPHER with a simulated person who has fixed preferences, and a scripted model that does as it is told."""

from idiolect.assistant import Assistant, Kept
from idiolect.memory.cipher import CIPHER
from idiolect.models.scripted import ScriptedLM
from idiolect.retrieval.questions import distance
from idiolect.store import Store
from idiolect.types import Record, State, User, ask
from tests.conformance.people import ODD_TEXTS

TOPICS = "foxes dogs trains herons rain buns streets models parsers dates".split()


def obedient():
    """Drafts two sentences, and follows the preferences it is told."""

    def say(asked):
        told, topic = asked.messages[0].content, asked.question.split()[-1]
        text = f"Dear reader,\nThe matter of {topic} is very old. Please do ask more!"
        text = text.partition("\n")[2] if "No greeting" in told else text
        text = text.replace(" Please do ask more!", "") if "Keep it short" in told else text
        return text.lower() if "Write in lower case" in told else text

    return ScriptedLM(say, can=())


def brief(draft):
    """The person wants neither greeting nor the second sentence, in lower case."""
    return draft.removeprefix("Dear reader,\n").replace(" Please do ask more!", "").lower()


def costs(wants, rounds=20, method=None, assistant=None):
    """Tokens changed in each round; `wants` is what the person makes of a draft at each round."""
    assistant, made = assistant or Assistant(obedient(), method or CIPHER()), []
    for time in range(rounds):
        context = f"Write about {TOPICS[time % len(TOPICS)]}"
        draft = assistant.replies(["ann"], [ask(context)])[0].text
        final = wants(time)(draft)
        made.append(distance(draft.split(), final.split()))
        assistant.observe("ann", Record(context, final, float(time), kind="edit", other=draft))
    return made


def test_the_cost_of_a_person_with_one_fixed_preference_falls_to_nothing_and_stays_there():
    made = costs(lambda time: brief)
    assert made[0] > 0 and not any(made[2:])


def test_without_edits_taken_up_the_cost_stays():
    assert all(costs(lambda time: brief, method=CIPHER(k=0)))


def test_a_change_of_mind_is_picked_up_within_as_many_rounds_as_contexts_are_read():
    made = costs(lambda time: brief if time < 6 else lambda draft: "Dear reader,\n" + draft[0].upper() + draft[1:], rounds=6)
    assert not any(made[2:])

    def polite(draft):
        return draft if draft.startswith("Dear") else "Dear reader,\n" + draft

    both = costs(lambda time: brief if time < 6 else polite)
    assert both[6] > 0 and not any(both[6 + CIPHER().k :])


def test_an_edit_teaches_at_once_without_the_model_and_also_after_a_restart(tmp_path):
    edit = Record("Write about foxes", "the fox", 1.0, kind="edit", other="The Fox")
    lm = obedient()
    with Store(tmp_path / "p.db") as store:
        assistant = Assistant(lm, CIPHER(), Kept(store, "CIPHER", CIPHER().config))
        assert "facts" in assistant.observe("ann", edit).changed and not lm.requests
        bent = assistant.personalize(["ann"], [ask("Write about dogs")])[0]
        assert "- Write in lower case." in bent.messages[0].content and f"record:{edit.id}" in bent.because
    with Store(tmp_path / "p.db") as store:
        again = Assistant(lm, CIPHER(), Kept(store, "CIPHER", CIPHER().config))
        assert again.personalize(["ann"], [ask("Write about dogs")]) == [bent]


def test_preferences_belong_to_their_context():
    edits = [Record(f"e-mail to a friend {i}", "hello bob", i, kind="edit", other="Hello Bob") for i in range(3)]
    edits += [Record(f"summary of report {i}", "Done", i + 10, kind="edit", other="Done!") for i in range(3)]
    state = CIPHER().enroll([User("ann", edits)], ScriptedLM())[0]
    mail, report = (
        CIPHER().personalize(state, ask(q), ScriptedLM()).messages[0].content for q in ("e-mail to a friend", "summary of report")
    )
    assert "lower case" in mail and "exclamation" not in mail and "exclamation" in report and "lower case" not in report


def test_a_word_changed_once_says_nothing_and_changed_twice_is_told():
    first = Record("Write about foxes", "We use a fox.", 1.0, kind="edit", other="We utilize a fox.")
    second = Record("Write about dogs", "They use a dog.", 2.0, kind="edit", other="They utilize a dog.")
    for edits, told in (([first], False), ([first, second], True)):
        state = CIPHER().enroll([User("ann", edits)], ScriptedLM())[0]
        assert ('Write "use", not "utilize".' in CIPHER().personalize(state, ask("Of rain"), ScriptedLM()).messages[0].content) == told


def test_enrolled_at_once_it_knows_what_it_learnt_step_by_step():
    edits = [
        Record(f"Write about {t}", brief(f"The {t} of OLD."), float(i), kind="edit", other=f"The {t} of OLD.") for i, t in enumerate(TOPICS)
    ]
    state = State()
    for count in range(1, len(edits) + 1):
        state = CIPHER().observe(state, User("ann", edits[:count]), [edits[count - 1]], ScriptedLM())
    assert state.facts == CIPHER().enroll([User("ann", edits)], ScriptedLM())[0].facts


def test_the_model_is_asked_for_a_phrase_only_where_that_is_set_and_only_about_what_was_changed():
    same = Record("Write about dogs", "A dog.", 2.0, kind="edit", other="A dog.")
    person = User("ann", [Record("Write about foxes", "a fox", 1.0, kind="edit", other="The Fox!"), same])
    lm = ScriptedLM(["short, plain and in lower case"])
    state = CIPHER(infer=True).enroll([person], lm)[0]
    assert len(lm.requests) == 1 and "The Fox!" in lm.requests[0].question
    bent = CIPHER(infer=True).personalize(state, ask("Write about trains"), lm)
    assert bent.messages[0].content.count("short, plain and in lower case") == 1


def test_any_text_is_withstood_as_a_context_as_a_draft_and_as_what_is_left():
    pairs = [(draft, final) for draft in ODD_TEXTS for final in (*ODD_TEXTS, "the fox")]
    edits = [Record(draft, final, float(i), f"edit {i}", kind="edit", other=draft) for i, (draft, final) in enumerate(pairs)]
    state = CIPHER().enroll([User("ann", edits)], ScriptedLM())[0]
    assert all(CIPHER().personalize(state, ask(text), ScriptedLM()).question == text for text in ODD_TEXTS)
