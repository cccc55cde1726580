"""Personalized soups: the published prompt, the mean over the person's set, and reward models that agree with their labels."""

import numpy as np
import pytest

from idiolect.alignment.personalized_soups import WORDS, PersonalizedSoups
from idiolect.errors import MethodError
from idiolect.models.algebra import delta, mixture
from idiolect.training.reward_models import features
from idiolect.training.rewards import REWARDS, Scale
from idiolect.training.specialized import Drawn, kept
from idiolect.types import Adapter, Message, Request, State, ask
from tests.conformance.people import EVERYBODY

THREE = ("brief", "thorough", "simple")
QUESTION = ask("Write a title on foxes:", max_tokens=8)
SMALL = {"rank": 2, "newest": 2, "drawn": 3, "asked": 4, "answer_tokens": 4, "steps": 2, "questions": 2, "group": 2}


def soup(parts, **settings):
    made = PersonalizedSoups(objectives=THREE[: len(parts)], **settings)
    made.shared = kept(Scale(np.zeros(len(parts)), np.ones(len(parts))), parts)
    return made


def told(request):
    return request.messages[0].content


def test_a_composite_is_told_all_its_preferences_words_and_is_the_mean_of_their_adapters(llama):
    parts = [llama.adapter(seed) for seed in (1, 2, 3)]
    made = soup(parts).personalize(State(), QUESTION.weighing({"brief": 0.4, "thorough": 0.4, "simple": 0.2}), llama.lm)
    assert told(made) == f"{WORDS['brief']} {WORDS['thorough']}" and made.question == QUESTION.question
    assert dict(made.adapters) == {parts[0]: 0.5, parts[1]: 0.5}


def test_a_single_preference_is_its_adapter_with_its_own_words(llama):
    parts = [llama.adapter(1), llama.adapter(2)]
    for merge in ("deltas", "factors"):
        made = soup(parts, merge=merge).personalize(State(), QUESTION.weighing({"brief": 0.3, "thorough": 0.7}), llama.lm)
        assert made.adapters == ((parts[1], 1.0),) and told(made) == WORDS["thorough"]


def test_the_words_stand_behind_what_the_request_was_told_already(llama):
    asked = Request((Message("system", "Be kind."), *QUESTION.messages))
    made = soup([llama.adapter(1), llama.adapter(2)]).personalize(State(), asked, llama.lm)
    assert told(made).startswith("Be kind.\n\n") and told(made).endswith(WORDS["thorough"])


@pytest.mark.parametrize("merge", ["deltas", "factors"])
def test_a_soup_of_copies_is_the_copy(llama, merge):
    copies = [Adapter(llama.adapter(1).modules, 0.5, name) for name in "ab"]
    whole = mixture(soup(copies, merge=merge).personalize(State(), QUESTION, llama.lm).adapters)
    assert all(np.allclose(delta(whole, path), delta(copies[0], path), atol=1e-6) for path in whole.modules)


def test_the_two_ways_of_merging_agree_where_all_a_are_one(llama):
    first = llama.adapter(1)
    second = Adapter({path: (a, 2 * b[:, ::-1].copy()) for path, (a, b) in first.modules.items()}, first.scale, "second")
    exact, factored = (
        mixture(soup([first, second], merge=m).personalize(State(), QUESTION, llama.lm).adapters) for m in ("deltas", "factors")
    )
    assert all(np.allclose(delta(exact, path), delta(factored, path), atol=1e-6) for path in exact.modules)
    other = soup([first, llama.adapter(2)], merge="factors").personalize(State(), QUESTION, llama.lm)
    apart = mixture(other.adapters), mixture(soup([first, llama.adapter(2)]).personalize(State(), QUESTION, llama.lm).adapters)
    assert any(not np.allclose(delta(apart[0], path), delta(apart[1], path), atol=1e-3) for path in exact.modules)


def test_a_merge_that_is_not_there_is_refused(llama):
    with pytest.raises(MethodError, match="'deltas' or 'factors'"):
        soup([llama.adapter(1)], merge="mean").personalize(State(), QUESTION, llama.lm)


def test_every_counted_objective_has_its_words():
    assert set(WORDS) == set(REWARDS) and len(set(WORDS.values())) == len(WORDS)


def test_the_reward_models_rank_answers_they_never_saw_as_their_labels_do():
    method, chance = PersonalizedSoups(drawn=3), np.random.default_rng(0)
    words = "fox dog cat tree river stone bird house cloud".split()

    def answers(count):
        return [" ".join(chance.choice(words, size=int(chance.integers(1, 9)))) for _ in range(count)]

    texts = [answers(3) for _ in range(40)]
    rewards = np.array([[[-np.log1p(len(text.split())), len(set(text.split()) & {"fox"})] for text in own] for own in texts])
    model = method._judge(Drawn(tuple(ask(f"The fox {i}") for i in range(40)), tuple(map(tuple, texts)), rewards))
    fresh = answers(60)
    said = model.normalisation.of(model.scores(features(["The fox"] * 60, fresh)))
    lengths = np.array([len(text.split()) for text in fresh])
    assert np.corrcoef(said[:, 0], -np.log1p(lengths))[0, 1] > 0.8
    assert said[["fox" in text for text in fresh], 1].mean() > said[["fox" not in text for text in fresh], 1].mean() + 0.5


def test_each_adapter_learns_with_its_own_words_in_the_prompt(llama):
    from tests.tiny_models import Watched

    watched, method = Watched(llama.lm), PersonalizedSoups(**SMALL)
    method.fit(EVERYBODY, watched)
    systems = {request.messages[0].content for request, _ in watched.seen if request.messages[0].role == "system"}
    assert systems == {WORDS["brief"], WORDS["thorough"]}
    assert [part.adapter.name for part in method.shared.parts] == ["brief", "thorough"]
    assert method.shared.parts[0].adapter != method.shared.parts[1].adapter
