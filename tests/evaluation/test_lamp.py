"""LaMP's protocol: what each question is asked with, what is taken out of profiles, and the figures and replies that come back."""

from dataclasses import replace

import pytest

from idiolect.data.lamp import form
from idiolect.data.lamp_files import Asked, Bench
from idiolect.errors import DataError, MethodError, ModelError
from idiolect.evaluation.lamp import Setup, bench, without_answers
from idiolect.models.scripted import ScriptedLM
from idiolect.prompting.lamp import LaMP
from idiolect.prompting.plain import Plain
from idiolect.prompting.rag import RAG
from idiolect.types import History, Record

TITLES = form("LaMP-5")
SCORES = form("LaMP-3")


def paper(topic, who, time=0.0):
    return Record(TITLES.ask(f"we study {topic}"), f"{who} on the {topic}", time, f"{who}-{topic}")


def rows(*names, answer="{} on the dates"):
    return tuple(
        Asked(
            History([paper("foxes", name), paper("dogs", name, 1.0)]),
            Record(TITLES.ask(f"{name} asks of dates"), answer.format(name), 2.0, name),
        )
        for name in names
    )


def quoting(request):
    """Says back the first title that it was told, or nothing."""
    told = request.messages[0].content if request.messages[0].role == "system" else ""
    return told.split('"')[1].replace("dogs", "dates").replace("foxes", "dates") if told else "no idea"


LM = ScriptedLM(quoting, can=())


def test_own_profiles_help_and_anothers_do_not():
    found = bench(Bench(TITLES, rows("ann", "bob", "cyd")), LM, [("lamp", LaMP(k=1))])
    plain, lamp = found.results
    assert (plain.name, found.metrics[0].name, found.asked) == ("plain", "rouge1", 3)
    assert plain.figures["rouge1"].own.value == 0 and plain.figures["rouge1"].gain is None
    assert lamp.figures["rouge1"].own.value == 1 == lamp.figures["rouge1"].gain.value
    assert lamp.figures["rouge1"].other_gain.value == pytest.approx(0.75), "the words that they share, without the name"
    assert lamp.replies == {name: f"{name} on the dates" for name in ("ann", "bob", "cyd")}


def test_without_the_control_nobodys_profile_stands_in_and_half_is_asked():
    counted = ScriptedLM(quoting, can=())
    found = bench(Bench(TITLES, rows("ann", "bob")), counted, [("lamp", LaMP())], Setup(control=False))
    assert found.results[1].figures["rouge1"].other_gain is None and len(counted.requests) == 4


def test_nobody_stands_in_for_themselves_where_they_ask_twice():
    asked = [replace(one, user=one.id[:3]) for one in rows("ann1", "ann2", "ann3", "bob1")]
    for seed in range(6):
        seen = ScriptedLM(quoting, can=())
        bench(Bench(TITLES, tuple(asked)), seen, [("lamp", LaMP(k=1))], Setup(seed=seed))
        with_others = seen.requests[8:]  # after the plain model's four, and four with their own profiles
        told = [request.because[0].removeprefix("record:")[:3] for request in with_others]
        assert len(told) == 4 and all(one != row.user for one, row in zip(told, asked))


def test_a_method_that_fails_is_reported_and_the_others_go_on():
    class Failing(RAG):
        def personalize(self, state, request, lm):
            raise MethodError("it cannot")

    found = bench(Bench(TITLES, rows("ann", "bob")), LM, [("bad", Failing()), ("lamp", LaMP())])
    assert [one.name for one in found.results] == ["plain", "lamp"] and found.failed == {"bad": "it cannot"}


def test_rows_are_drawn_by_the_seed():
    questions = Bench(TITLES, rows(*(f"p{i}" for i in range(9))))
    drawn = {tuple(bench(questions, LM, [], Setup(rows=3, seed=seed)).results[0].replies) for seed in range(4)}
    assert all(len(one) == 3 for one in drawn) and len(drawn) > 1


def test_likelihoods_are_shown_where_the_model_gives_them():
    found = bench(Bench(TITLES, rows("ann", "bob")), ScriptedLM(quoting), [("lamp", LaMP())])
    assert all("bits_per_char" in result.figures for result in found.results)


def test_what_is_asked_of_anybody_is_taken_out_of_all_profiles_unless_strict():
    later = Asked(
        History([paper("foxes", "ann"), Record("else", "ann on the dates", 2.0, "x")]),
        Record(TITLES.ask("ann later"), "Later on it", 3.0, "l"),
    )
    asked = (*rows("ann", "bob"), later)
    kept, removed = without_answers(TITLES, asked)
    assert removed == 1 and [record.id for record in kept[2].history] == ["ann-foxes"]
    same = Asked(History([Record(asked[0].target.prompt, "other words", 0.5)]), later.target)
    assert without_answers(TITLES, (*asked, same))[1] == 2
    assert bench(Bench(TITLES, asked), LM, []).removed == 1
    assert bench(Bench(TITLES, asked), LM, [], Setup(strict=True)).removed == 0


def test_that_two_people_give_the_same_score_is_no_leak():
    asked = [Asked(History([Record(SCORES.ask("a kettle"), "4", 0.0)]), Record(SCORES.ask(f"pan {i}"), "4", 1.0, str(i))) for i in range(2)]
    assert without_answers(SCORES, asked)[1] == 0


def test_strict_measures_as_published_and_otherwise_soundly():
    asked = Bench(SCORES, (Asked(History(), Record(SCORES.ask("a kettle"), "3", 0.0, "1")),))
    lm = ScriptedLM(lambda request: "100", can=())
    assert bench(asked, lm, [], Setup(strict=True)).results[0].figures["mae"].own.value == 97
    assert bench(asked, lm, []).results[0].figures["mae"].own.value == 2


def test_the_methods_told_of_are_told_without_anybodys_text():
    told = bench(Bench(TITLES, rows("ann", "bob")), LM, [("lamp", LaMP())]).results[1].told
    assert told["name"] == "lamp" and "on the" not in repr(told)


def test_hidden_answers_double_names_and_models_that_cannot_are_refused():
    with pytest.raises(DataError, match="no true answer"):
        bench(Bench(TITLES, rows("ann", answer="")), LM, [])
    with pytest.raises(MethodError, match="one name"):
        bench(Bench(TITLES, rows("ann")), LM, [("lamp", LaMP()), ("lamp", LaMP(k=1))])
    assert [one.name for one in bench(Bench(TITLES, rows("ann")), LM, [("plain", Plain())]).results] == ["plain"]

    class Needy(RAG):
        needs = frozenset({"adapters"})

    with pytest.raises(ModelError, match="adapters"):
        bench(Bench(TITLES, rows("ann")), LM, [("needy", Needy())])
