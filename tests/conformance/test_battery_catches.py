"""The battery finds fault with bad methods, and none with good ones: without this, a green battery would say nothing."""

import pytest

from idiolect.models.scripted import ScriptedLM
from tests.conformance import checks, leaks, miniatures, privacy
from tests.conformance.subjects import Subject, Trial
from tests.tiny_models import snapshot

PLAIN_CHECKS = [
    checks.only_stores_its_keywords,
    checks.equals_another_of_the_same_configuration,
    checks.works_on_a_model_that_can_what_it_needs,
    checks.is_refused_by_a_model_that_lacks_a_need,
    checks.bends_in_the_way_it_needs,
    checks.tells_nothing_of_nobody,
    checks.learns_from_one_record,
    checks.answers_after_a_record_longer_than_the_context,
    checks.answers_a_question_longer_than_the_context,
    checks.takes_any_text,
    checks.takes_any_user_id,
    checks.answers_for_people_who_share_records,
    checks.leaves_the_request_as_it_was,
    checks.learns_10_000_records_in_bounded_time,
    privacy.gives_the_same_for_the_same_seed,
    privacy.learns_together_what_it_learns_alone,
    privacy.is_not_moved_by_another_user,
    privacy.keeps_nobody_elses_text,
    privacy.names_the_records_it_quotes,
    privacy.sees_only_earlier_records,
    privacy.survives_save_and_load,
    privacy.leaves_states_as_they_were,
    privacy.updates_as_if_enrolled_afresh,
    privacy.keeps_people_in_states_only,
    privacy.leaves_the_model_as_it_was,
]
BAD = [
    (miniatures.Computes, checks.only_stores_its_keywords),
    (miniatures.Forgets, checks.equals_another_of_the_same_configuration),
    (miniatures.Unequal, checks.equals_another_of_the_same_configuration),
    (miniatures.Greedy, checks.works_on_a_model_that_can_what_it_needs),
    (miniatures.Claims, checks.bends_in_the_way_it_needs),
    (miniatures.Chatty, checks.tells_nothing_of_nobody),
    (miniatures.ByName, checks.takes_any_user_id),
    (miniatures.Mutates, checks.leaves_the_request_as_it_was),
    (miniatures.AsksAfterwards, checks.leaves_the_request_as_it_was),
    (miniatures.StartsOver, checks.leaves_the_request_as_it_was),
    (miniatures.Resamples, checks.leaves_the_request_as_it_was),
    (leaks.Nondeterministic, privacy.gives_the_same_for_the_same_seed),
    (leaks.Averages, privacy.learns_together_what_it_learns_alone),
    (leaks.Leaks, privacy.is_not_moved_by_another_user),
    (leaks.LeaksInCall, privacy.is_not_moved_by_another_user),
    (leaks.LeaksInCall, privacy.learns_together_what_it_learns_alone),
    (leaks.PilesUp, privacy.is_not_moved_by_another_user),
    (leaks.PilesUp, privacy.learns_together_what_it_learns_alone),
    (leaks.QuotesOthers, privacy.keeps_nobody_elses_text),
    (leaks.QuotesOthers, privacy.names_the_records_it_quotes),
    (leaks.QuotesOthers, privacy.sees_only_earlier_records),
    (leaks.Unnamed, privacy.names_the_records_it_quotes),
    (leaks.Peeks, privacy.sees_only_earlier_records),
    (leaks.Hides, privacy.survives_save_and_load),
    (leaks.Loses, privacy.survives_save_and_load),
    (leaks.WritesIntoStates, privacy.leaves_states_as_they_were),
    (leaks.Lags, privacy.updates_as_if_enrolled_afresh),
    (leaks.Remembers, privacy.keeps_people_in_states_only),
    (leaks.MovesWeights, privacy.leaves_the_model_as_it_was),
    (leaks.LeavesHooks, privacy.leaves_the_model_as_it_was),
]
BREAK_DOWN = [  # these do not give something wrong: they give nothing
    (miniatures.Needy, checks.tells_nothing_of_nobody, IndexError),
    (miniatures.Needy, checks.learns_from_one_record, IndexError),
    (miniatures.Formats, checks.takes_any_text, (KeyError, IndexError, ValueError)),
]


def subject(method):
    level = "input" if issubclass(method, miniatures.Latest) else "model"
    return Subject(method.__name__, method, level, {"k": 1} if method is miniatures.Forgets else {})


@pytest.fixture(autouse=True)
def restored(tiny):
    """Bad methods leave the model and this process as they should not."""
    before = snapshot(tiny.lm)
    yield
    tiny.model.load_state_dict(before)
    tiny.model.lm_head._forward_hooks.clear()
    leaks.OVERHEARD.clear()
    leaks.Remembers.seen.clear()


@pytest.mark.parametrize("check", PLAIN_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("method", [miniatures.Latest, miniatures.Drawn])
def test_a_good_method_passes(tiny, method, check):
    check(Trial(subject(method), tiny.lm))


@pytest.mark.parametrize("method", [miniatures.Latest, miniatures.Drawn])
def test_a_good_method_keeps_other_bends_and_leaves_nothing_on_disk(tiny, tmp_path, method):
    checks.keeps_the_bends_that_were_there(Trial(subject(method), tiny.lm), tiny)
    privacy.leaves_nothing_on_disk_after_erase(Trial(subject(method), tiny.lm), tmp_path)


@pytest.mark.parametrize(("method", "check"), BAD, ids=lambda value: value.__name__)
def test_a_bad_method_is_caught(tiny, method, check):
    with pytest.raises(AssertionError):
        check(Trial(subject(method), tiny.lm))


@pytest.mark.parametrize(("method", "check", "error"), BREAK_DOWN, ids=lambda value: getattr(value, "__name__", "error"))
def test_a_method_that_breaks_down_is_caught(tiny, method, check, error):
    with pytest.raises(error):
        check(Trial(subject(method), tiny.lm))


def test_a_slow_method_is_caught(monkeypatch):
    monkeypatch.setattr(checks, "SECONDS", 0.1)
    monkeypatch.setattr(checks, "many", lambda count, many=checks.many: many(count // 16))
    with pytest.raises(AssertionError, match="seconds"):
        checks.learns_10_000_records_in_bounded_time(Trial(subject(miniatures.Slow), ScriptedLM(lambda request: "a title")))


def test_a_method_that_starts_over_loses_the_bends_and_is_caught(tiny):
    with pytest.raises(AssertionError):
        checks.keeps_the_bends_that_were_there(Trial(subject(miniatures.StartsOver), tiny.lm), tiny)


def test_a_person_in_the_configuration_is_found_on_disk(tiny, tmp_path):
    with pytest.raises(AssertionError):
        privacy.leaves_nothing_on_disk_after_erase(Trial(subject(leaks.Configures), tiny.lm), tmp_path)
