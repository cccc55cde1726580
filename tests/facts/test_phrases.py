"""What people say of themselves is read in seven languages, and kept as they said it."""

import pytest

from idiolect.facts.extract import by_rules
from idiolect.facts.phrases import PHRASES
from idiolect.types import Record

SAID = """\
en | My name is Sam | fact | name
en | I'm called Sam | fact | name
en | Call me Sam | preference | name
en | I live in Ghent | fact | home
en | I'm currently based in Ghent | fact | home
en | I just moved to Oslo | fact | home
en | I no longer live in New York | ended | home:new york
en | I’ve moved out of Ghent | ended | home:ghent
en | I'm originally from Ghent | fact | origin
en | My birthday is on 3 May | fact | birthday
en | I work as a nurse | fact | work
en | I don't work at Siemens anymore | ended | work:siemens
en | I'm retired | fact | work
en | I study law | fact | studies
en | I'm 34 years old | fact | age
en | I'm vegan | fact | diet
en | I'm not vegan anymore | ended | diet:vegan
en | I don't eat eggs | preference | eats:eggs
en | I'm allergic to peanuts | fact | allergy:peanuts
en | I really love dark chocolate | preference | likes:dark chocolate
en | I can't stand opera | preference | likes:opera
en | I strongly dislike musicals | preference | likes:musicals
en | I have a strong aversion to perfume | preference | likes:perfume
en | I have no interest in golf | preference | likes:golf
en | I cannot stand opera | preference | likes:opera
en | I avoid crowded places | preference | avoids:crowded places
en | I refuse to fly | preference | avoids:fly
en | I only eat organic food | preference | only:organic food
en | I have a severe peanut allergy | fact | allergy:peanut
en | I follow a strict ketogenic diet | fact | diet:ketogenic
en | I used to like opera | preference | likes:opera
en | I'm a big fan of jazz | preference | likes:jazz
en | My favourite colour is green | preference | favourite:colour
en | I have two dogs | fact | has:dog
en | My dog is called Rex | fact | named:dog
en | I'm married | fact | status
en | My native language is Dutch | fact | language
en | I speak Dutch | fact | speaks:dutch
en | My pronouns are they/them | fact | pronouns
en | I love my car | preference | likes:car
en | I play the cello | fact | plays:cello
en | I am a nurse | fact | am:nurse
de | Ich heiße Anna | fact | name
de | Nenn mich Anna | preference | name
de | Ich wohne jetzt in München | fact | home
de | Seit 2020 wohne ich in Wien | fact | home
de | Ich bin nach Hamburg gezogen | fact | home
de | Ich wohne nicht mehr in München | ended | home:münchen
de | Ich komme ursprünglich aus Köln | fact | origin
de | Ich arbeite als Lehrerin | fact | work
de | Ich bin 40 Jahre alt | fact | age
de | Ich bin Vegetarierin | fact | diet
de | Ich bin keine Vegetarierin mehr | ended | diet:vegetarier
de | Ich esse kein Fleisch | preference | eats:fleisch
de | Ich bin allergisch gegen Nüsse | fact | allergy:nüsse
de | Ich mag keinen Kaffee | preference | likes:kaffee
de | Ich trinke gerne Tee | preference | likes:tee
de | Meine Lieblingsfarbe ist Grün | preference | favourite:farbe
de | Mein Hund heißt Rex | fact | named:hund
de | Ich spreche Französisch | fact | speaks:französisch
fr | Je m'appelle Luc | fact | name
fr | J'habite à Lyon | fact | home
fr | Je n'habite plus à Lyon | ended | home:lyon
fr | Je viens de Bretagne | fact | origin
fr | Je travaille comme infirmier | fact | work
fr | J'ai 30 ans | fact | age
fr | Je suis végétarienne | fact | diet
fr | Je ne suis plus végétarienne | ended | diet:végétarien
fr | Je ne mange pas de porc | preference | eats:porc
fr | Je suis allergique aux noix | fact | allergy:noix
fr | Je n'aime pas le café | preference | likes:café
fr | J'adore les chats | preference | likes:chats
fr | Ma couleur préférée est le vert | preference | favourite:couleur
fr | Je parle allemand | fact | speaks:allemand
es | Me llamo Ana | fact | name
es | Vivo en Madrid | fact | home
es | Me mudé a Sevilla | fact | home
es | Ya no vivo en Madrid | ended | home:madrid
es | Trabajo como profesora | fact | work
es | Tengo 30 años | fact | age
es | Soy vegetariana | fact | diet
es | Ya no soy vegetariana | ended | diet:vegetarian
es | No me gusta el café | preference | likes:café
es | Me encantan los gatos | preference | likes:gatos
es | Mi color favorito es el verde | preference | favourite:color
es | Soy alérgica a las nueces | fact | allergy:nueces
it | Mi chiamo Paolo | fact | name
it | Abito a Roma | fact | home
it | Non abito più a Roma | ended | home:roma
it | Lavoro come medico | fact | work
it | Ho 30 anni | fact | age
it | Sono vegetariano | fact | diet
it | Non mi piace il calcio | preference | likes:calcio
it | Adoro i gatti | preference | likes:gatti
pt | Meu nome é Rui | fact | name
pt | Moro em Lisboa | fact | home
pt | Já não moro mais em Lisboa | ended | home:lisboa
pt | Tenho 30 anos | fact | age
pt | Não gosto de café | preference | likes:café
nl | Ik heet Jan | fact | name
nl | Ik woon in Utrecht | fact | home
nl | Ik woon niet meer in Utrecht | ended | home:utrecht
nl | Ik werk als timmerman | fact | work
nl | Ik ben 30 jaar oud | fact | age
nl | Ik hou niet van koffie | preference | likes:koffie
nl | Ik vind haring lekker | preference | likes:haring"""
ROWS = [row.split(" | ") for row in SAID.splitlines()]


@pytest.mark.parametrize(("language", "said", "kind", "key"), ROWS, ids=[row[1] for row in ROWS])
def test_a_statement_is_read_with_its_key_and_kept_as_it_was_said(language, said, kind, key):
    (fact,) = by_rules(Record("", f"{said}.", 3.0, "r"))
    assert (fact.text, fact.kind, fact.key, fact.sources, fact.since) == (said, kind, key, ("r",), 3.0)


def test_every_language_has_a_name_a_home_a_taste_and_an_end():
    for language in ("en", "de", "fr", "es", "it", "pt", "nl"):
        keys = {key.partition(":")[0] for of, _, kind, key in ROWS if of == language}
        ended = {kind for of, _, kind, _ in ROWS if of == language}
        assert {"name", "home", "likes"} <= keys and "ended" in ended


def test_every_pattern_has_a_kind_a_key_and_something_to_fill_it_with():
    for phrase in PHRASES:
        assert phrase.kind in ("fact", "preference", "ended")
        assert ("{}" not in phrase.key) or "what" in phrase.pattern.groupindex
