"""The reader of LoCoMo, on two invented conversations of its form."""

import pytest

from idiolect.data import locomo
from idiolect.errors import DataError
from tests.evaluation.published import write_locomo


def test_a_conversation_is_one_history_whose_records_name_the_speaker_and_the_day(tmp_path):
    first, second = locomo.read(write_locomo(tmp_path), context=False)
    assert [record.id for record in first.user.records] == ["conv-0:D1:1", "conv-0:D1:2", "conv-0:D1:3", "conv-0:D2:1"]
    assert first.user.records[0].answer == "Ann, 8 May 2023: I adopted a fox called Rusty." and first.user.records[0].prompt == ""
    assert first.user.records[2].answer.endswith("Look. [photo: a photo of a fox asleep]")
    assert not {record.id for record in first.user.records} & {record.id for record in second.user.records}


def test_turns_are_in_the_order_of_time_with_seconds_between(tmp_path):
    times = [record.time for record in locomo.read(write_locomo(tmp_path))[0].user.records]
    assert times == sorted(times) and times[1] - times[0] == 1 and times[3] - times[2] > 30 * 24 * 3600


def test_a_turn_answers_the_one_before_it_in_its_session(tmp_path):
    records = locomo.read(write_locomo(tmp_path) / "locomo10.json")[0].user.records
    assert [bool(record.prompt) for record in records] == [False, True, True, False]
    assert records[1].prompt == records[0].answer


def test_evidence_is_read_however_it_is_written_and_what_is_not_there_goes(tmp_path):
    named, painted, when, swapped = locomo.read(write_locomo(tmp_path))[0].questions
    assert named.evidence == ("conv-0:D1:1", "conv-0:D1:3") and painted.evidence == ("conv-0:D2:1",)
    assert when.evidence == () and when.answer == "2023"
    assert swapped.answer == "" and swapped.category == locomo.ADVERSARIAL


def test_another_file_is_refused_with_the_place_to_get_the_right_one(tmp_path):
    (tmp_path / "locomo10.json").write_text('[{"sample_id": "a", "conversation": {}, "qa": [{}]}]')
    with pytest.raises(DataError, match="snap-research/locomo"):
        locomo.read(tmp_path)
    with pytest.raises(DataError, match="snap-research/locomo"):
        locomo.read(tmp_path / "nowhere")
