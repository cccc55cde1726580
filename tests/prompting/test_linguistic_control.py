"""LinguisticControl: whose bins are told, in what words, and that nothing is before the bins are learnt."""

from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.linguistic_control import AIM, LinguisticControl
from idiolect.training.attributes import ATTRIBUTES, binned, bins, measured, middle, success, tenths
from idiolect.types import Record, User, ask
from tests.conformance.people import text_of

LM = ScriptedLM()


def person(name, text):
    return User(name, [Record(f"note {n}", text.replace("N", str(n)), float(n)) for n in range(6)])


SHOUTER = person("shouter", "WOW N! Really? Yes!!")
PLAIN = person("plain", "it was a long and quiet day in the old harbour town N")
LISTER = person("lister", "apples, pears, plums, figs, N dates")
CROWD = [SHOUTER, PLAIN, LISTER]


def fitted(**settings):
    method = LinguisticControl(**settings)
    method.fit(CROWD, LM)
    return method


def told(method, user):
    return text_of(method.personalize(method.enroll([user], LM)[0], ask("Write a note."), LM))


def test_each_is_told_what_sets_them_apart():
    method = fitted(most=8)
    shouter, plain, lister = (told(method, user).split("\n\n")[0].splitlines() for user in CROWD)
    assert shouter[0] == plain[0] == lister[0] == AIM and len(shouter) == 9
    assert any(line.startswith("- ! and ? in a sentence: ") and line.endswith("above most people") for line in shouter)
    assert any(line.startswith("- commas in a sentence: ") and line.endswith("above most people") for line in lister)
    assert any(line.startswith("- words: 13 or more, above") for line in plain)


def test_the_bounds_told_are_those_of_the_bin_that_the_persons_mean_lies_in():
    texts = [record.answer for user in CROWD for record in user.records]
    bounds, own = tenths(measured(texts)), middle(measured([record.answer for record in PLAIN.records]))
    place = ATTRIBUTES.index("characters in a word")
    low = bins(bounds)[place][binned(own, bounds)[place]]
    line = next(line for line in told(fitted(most=17), PLAIN).splitlines() if "characters in a word" in line)
    assert line.startswith(f"- characters in a word: {low:.3g} ")


def test_a_model_that_keeps_to_what_is_told_succeeds_and_one_that_does_not_fails():
    texts = [record.answer for user in CROWD for record in user.records]
    bounds, aimed = tenths(measured(texts)), None
    aimed = binned(middle(measured([record.answer for record in SHOUTER.records])), bounds)
    kept, broken = (success(measured([text])[0], aimed, bounds) for text in (SHOUTER.records[2].answer, PLAIN.records[2].answer))
    assert kept.hard == 1.0 and broken.hard < 0.5 and broken.over_chance < kept.over_chance


def test_before_the_bins_are_learnt_or_without_records_nothing_is_told():
    asked = ask("Write a note.")
    for method, user in ((LinguisticControl(), SHOUTER), (fitted(), User("nobody"))):
        assert method.personalize(method.enroll([user], LM)[0], asked, LM) == asked


def test_what_is_observed_is_counted_at_once():
    method = fitted()
    early = method.enroll([User("plain", PLAIN.records[:1])], LM)[0]
    assert method.observe(early, PLAIN, PLAIN.records[1:], None).text == method.enroll([PLAIN], LM)[0].text


def test_of_the_crowd_only_bounds_are_kept():
    assert fitted().shared.arrays["tenths"].shape == (10, len(ATTRIBUTES)) and not fitted().shared.text and not len(fitted().shared.records)
