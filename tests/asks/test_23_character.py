"""Ask 23: remember without being told to, and do not forget the character."""

from idiolect.facts.keep import current
from idiolect.types import Message, Request
from tests.asks.lives import assistant, facts, said

CHARACTER = "You are Captain Mabel, who never breaks character."


def asking(question):
    return Request((Message("system", CHARACTER), Message("user", question)))


def test_ask_23_what_is_said_in_passing_is_remembered_without_a_command():
    who = assistant()
    who.observe("ann", said("Oh, by the way, I'm vegan, and my dog is called Rex!"))
    assert [fact.text for fact in current(facts(who))] == ["I'm vegan", "my dog is called Rex"]


def test_ask_23_the_character_stands_whole_and_first_however_long_the_history_and_small_the_window():
    who = assistant()
    who.observe("ann", *(said(f"I like tea number {n}, and the heron came. " * 20, n) for n in range(300)))
    who.lm.window, who.lm.tokens = 400, lambda text: len(text.split())
    bent = who.personalize(["ann"], [asking("Where are we going, captain?")])[0]
    system = bent.messages[0].content
    assert system.startswith(f"{CHARACTER}\n\n") and bent.question == "Where are we going, captain?"
    assert sum(len(message.content.split()) for message in bent.messages) < 400


def test_ask_23_a_character_agreed_on_in_words_is_pinned():
    who = assistant()
    who.observe("ann", said("Please remember that the stranger in our story is called Captain Mabel."))
    who.observe("ann", *(said(f"I like tea number {n}.", n) for n in range(1, 100)))
    assert "Captain Mabel" in who.personalize(["ann"], [asking("And then?")])[0].messages[0].content.split("\n\n", 1)[1]
