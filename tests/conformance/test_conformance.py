"""One battery for every method of the catalogue and for chains of them, on a tiny model, and on the scripted one where that is enough."""

import pytest

from idiolect.models.scripted import ScriptedLM
from tests.conformance import checks, events, privacy
from tests.conformance.subjects import Trial, catalogued, chained, variants

CATALOGUED, SUBJECTS = catalogued(), [*catalogued(), *chained(), *variants()]
CHEAP = [subject for subject in SUBJECTS if "train" not in subject.new().needs]
TEXT_ONLY = [subject for subject in SUBJECTS if not subject.new().needs]


def named(subjects):
    return [pytest.param(subject, id=subject.name) for subject in subjects]


@pytest.fixture(scope="session")
def trials(tiny):
    """Each subject's trial, fitted once in a session."""
    return {subject.name: Trial(subject, tiny.lm) for subject in SUBJECTS}


@pytest.fixture
def trial(request, trials):
    return trials[request.param.name]


@pytest.fixture
def scripted(request):
    return Trial(request.param, ScriptedLM(lambda asked: "a title of few words", can=()))


def of(subjects, fixture="trial"):
    return pytest.mark.parametrize(fixture, named(subjects), indirect=True)


@of(CATALOGUED)
def test_the_constructor_only_stores_its_keywords(trial):
    checks.only_stores_its_keywords(trial)


@of(CATALOGUED)
def test_two_of_the_same_configuration_are_equal(trial):
    checks.equals_another_of_the_same_configuration(trial)


@of(SUBJECTS)
def test_it_works_on_a_model_that_can_exactly_what_it_needs(trial):
    checks.works_on_a_model_that_can_what_it_needs(trial)


@of(SUBJECTS)
def test_it_is_refused_by_a_model_that_lacks_a_need(trial):
    checks.is_refused_by_a_model_that_lacks_a_need(trial)


@of(SUBJECTS)
def test_it_bends_in_the_way_it_says_it_needs(trial):
    checks.bends_in_the_way_it_needs(trial)


@of(SUBJECTS)
def test_without_records_nothing_is_told(trial):
    checks.tells_nothing_of_nobody(trial)


@of(SUBJECTS)
def test_one_record_is_enough_to_run(trial):
    checks.learns_from_one_record(trial)


@of(SUBJECTS)
def test_a_record_longer_than_the_context_is_withstood(trial):
    checks.answers_after_a_record_longer_than_the_context(trial)


@of(SUBJECTS)
def test_a_question_longer_than_the_context_is_withstood(trial):
    checks.answers_a_question_longer_than_the_context(trial)


@of(CHEAP)
def test_ten_thousand_records_are_learnt_in_bounded_time(trial):
    checks.learns_10_000_records_in_bounded_time(trial)


@of(SUBJECTS)
def test_any_text_is_withstood(trial):
    checks.takes_any_text(trial)


@of(SUBJECTS)
def test_any_user_id_is_withstood_and_teaches_nothing(trial):
    checks.takes_any_user_id(trial)


@of(SUBJECTS)
def test_people_with_the_same_text_are_withstood(trial):
    checks.answers_for_people_who_share_records(trial)


@of(SUBJECTS)
def test_the_request_is_unchanged_and_its_question_still_last(trial):
    checks.leaves_the_request_as_it_was(trial)


@of(SUBJECTS)
def test_the_bends_that_were_there_stay(trial, tiny):
    checks.keeps_the_bends_that_were_there(trial, tiny)


@of(SUBJECTS)
def test_the_same_seed_gives_the_same_request(trial):
    privacy.gives_the_same_for_the_same_seed(trial)


@of(SUBJECTS)
def test_enrolled_together_equals_enrolled_alone(trial):
    privacy.learns_together_what_it_learns_alone(trial)


@of(SUBJECTS)
def test_one_users_records_never_move_anothers_state(trial):
    privacy.is_not_moved_by_another_user(trial)


@of(SUBJECTS)
def test_nobody_elses_text_is_kept_or_quoted(trial):
    privacy.keeps_nobody_elses_text(trial)


@of(SUBJECTS)
def test_the_records_quoted_are_named_and_the_users_own(trial):
    privacy.names_the_records_it_quotes(trial)


@of(SUBJECTS)
def test_only_earlier_records_are_quoted_or_taught_with(trial):
    privacy.sees_only_earlier_records(trial)


@of(SUBJECTS)
def test_a_state_survives_save_and_load(trial):
    privacy.survives_save_and_load(trial)


@of(SUBJECTS)
def test_a_state_that_is_used_or_updated_stays_as_it_was(trial):
    privacy.leaves_states_as_they_were(trial)


@of(SUBJECTS)
def test_update_agrees_with_enrolling_afresh(trial):
    privacy.updates_as_if_enrolled_afresh(trial)


@of(SUBJECTS)
def test_a_deleted_state_is_all_that_was_kept_of_a_person(trial):
    privacy.keeps_people_in_states_only(trial)


@of(SUBJECTS)
def test_nothing_is_left_on_disk_after_erase(trial, tmp_path):
    privacy.leaves_nothing_on_disk_after_erase(trial, tmp_path)


@of(SUBJECTS)
def test_the_model_is_unbent_afterwards_also_after_an_exception(trial):
    privacy.leaves_the_model_as_it_was(trial)


TEXT_CHECKS = [
    checks.works_on_a_model_that_can_what_it_needs,
    checks.tells_nothing_of_nobody,
    checks.learns_from_one_record,
    checks.takes_any_text,
    checks.leaves_the_request_as_it_was,
    privacy.gives_the_same_for_the_same_seed,
    privacy.learns_together_what_it_learns_alone,
    privacy.is_not_moved_by_another_user,
    privacy.keeps_nobody_elses_text,
    privacy.names_the_records_it_quotes,
    privacy.updates_as_if_enrolled_afresh,
]


@pytest.mark.parametrize("check", TEXT_CHECKS, ids=lambda check: check.__name__)
@of(TEXT_ONLY, "scripted")
def test_what_needs_nothing_passes_on_a_model_that_can_nothing(scripted, check):
    check(scripted)


@of(SUBJECTS)
def test_what_happens_is_learnt_without_the_model(trial):
    events.observes_without_the_model(trial)


@of(SUBJECTS)
def test_somebody_who_was_only_observed_is_answered(trial):
    events.answers_somebody_who_was_only_observed(trial)


@of(SUBJECTS)
def test_every_kind_of_event_is_withstood(trial):
    events.withstands_every_kind_of_event(trial)


@of(SUBJECTS)
def test_nothing_of_a_forgotten_record_is_left(trial, tmp_path):
    privacy.leaves_nothing_of_a_forgotten_record(trial, tmp_path)
