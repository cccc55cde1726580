"""A wish that is to last is told from an errand."""

import pytest

from idiolect.facts.wishes import is_wish, topic

WISHES = """\
Please keep your answers short | length
From now on, answer in German | language
I prefer shorter answers | length
Never use emojis | emoji
Use metric units | units
Don't be so formal | tone
Always cite your sources | sources
Stop using bullet points | format
Antworte bitte immer auf Deutsch | language
Bitte keine Emojis | emoji
Bitte schreib kürzere Antworten | length
Réponds toujours en français | language
Évite les listes à puces | format
Responde siempre en español | language
Prefiero respuestas cortas | length
Rispondi sempre in italiano | language
Preferisco risposte brevi | length
Prefiro respostas curtas | length
Antwoord voortaan in het Nederlands | language
Gebruik geen emoji | emoji"""


@pytest.mark.parametrize("row", WISHES.splitlines())
def test_a_lasting_wish_is_one_in_each_language(row):
    text, about = row.split(" | ")
    assert is_wish(text) and topic(text) == about


@pytest.mark.parametrize(
    "text",
    [
        "Please write me a short poem",
        "Write a list of long rivers",
        "I love short stories",
        "Never use a hammer to crack a nut",
        "Don't worry about it",
        "The answer was short",
        "My sister always speaks German",
        "Bitte schreib mir einen kurzen Brief",
        "I always drink coffee",
    ],
)
def test_an_errand_a_taste_or_advice_is_no_wish(text):
    assert not is_wish(text)
