"""Ask 27: memories in the wrong language."""

import json

import pytest

from idiolect.facts.keep import current
from idiolect.memory.long_term import LongTerm
from idiolect.models.scripted import ScriptedLM
from tests.asks.lives import assistant, facts, said, told

LIVES = {
    "en": ("I live in Ghent", "I like green tea", "Please keep your answers short"),
    "de": ("Ich wohne in Gent", "Ich mag grünen Tee", "Antworte bitte immer kurz"),
    "fr": ("J'habite à Gand", "J'aime le thé vert", "Réponds toujours en français"),
    "es": ("Vivo en Gante", "Me gusta el té verde", "Responde siempre en español"),
    "it": ("Abito a Gand", "Mi piace il tè verde", "Rispondi sempre in italiano"),
    "pt": ("Moro em Gante", "Gosto de chá verde", "Responda sempre em português"),
    "nl": ("Ik woon in Gent", "Ik hou van groene thee", "Antwoord voortaan in het Nederlands"),
}
MOVED = {
    "en": "I moved to Oslo",
    "de": "Ich bin nach Oslo gezogen",
    "fr": "J'ai déménagé à Oslo",
    "es": "Me mudé a Oslo",
    "nl": "Ik ben naar Oslo verhuisd",
}


@pytest.mark.parametrize("language", LIVES)
def test_ask_27_what_is_remembered_and_told_is_in_the_persons_own_words(language):
    who = assistant()
    who.observe("ann", *(said(f"{text}.", hour) for hour, text in enumerate(LIVES[language])))
    assert [fact.text for fact in current(facts(who))] == list(LIVES[language])
    assert all(text in told(who, "?") for text in LIVES[language])


@pytest.mark.parametrize("language", MOVED)
def test_ask_27_a_change_is_understood_in_the_language_it_is_told_in_and_across_languages(language):
    for first in (LIVES[language][0], LIVES["en"][0], LIVES["it"][0]):
        who = assistant()
        who.observe("ann", said(f"{first}.", 1), said(f"{MOVED[language]}.", 2))
        assert [fact.text for fact in current(facts(who))] == [MOVED[language]]


def test_ask_27_a_models_translation_is_not_what_the_person_said():
    reply = [{"text": "The person feeds the herons", "source": 1}, {"text": "nourrit les hérons", "source": 1}]
    who = assistant(method=LongTerm(reader="model"), lm=ScriptedLM([json.dumps(reply)]))
    who.observe("ann", said("Ma voisine nourrit les hérons du fleuve."))
    who.update("ann")
    assert [fact.text for fact in facts(who)] == ["nourrit les hérons"]
