"""Readers of public preferences, on small files of the same shape, and on the real ones where they are at hand."""

import gzip
import json
from pathlib import Path

import pytest

from idiolect.data import preferences
from idiolect.data.preferences import decided, opening, prism_pairs, psoups_alignx, vpl_hh_split
from idiolect.errors import DataError
from idiolect.types import Record

SHARED = Path(__file__).parents[3] / "shared" / "data"


def zipped(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as out:
        out.write("".join(json.dumps(row) + "\n" for row in rows))


def pair(prompt, chosen, rejected, **more):
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def test_a_participants_choices_are_numbered_and_what_went_both_ways_is_left_out(tmp_path):
    rows = [("u1", "p", "a", "b"), ("u0", "q", "c", "d"), ("u1", "p2", "e", "f"), ("u1", "p2", "f", "e")]
    zipped(tmp_path / "pairs.jsonl.gz", [pair(*row[1:], user_id=row[0], profile=f"The person is {row[0]}.") for row in rows])
    read = prism_pairs(tmp_path)
    assert [(user.id, [(r.prompt, r.answer, r.other, r.kind) for r in user.records]) for user in read.users] == [
        ("u0", [("q", "c", "d", "choice")]),
        ("u1", [("p", "a", "b", "choice")]),
    ]
    assert read.profiles["u1"] == "The person is u1."


def hh(turn, answer, other):
    prompt = f"Human: {turn}"
    return pair(prompt, f"{prompt}\n\nAssistant: {answer}", f"{prompt}\n\nAssistant: {other}")


def test_pairs_of_each_population_are_dealt_out_and_talks_of_one_opening_stay_together(tmp_path):
    talk = [hh(f"of {n}?", f"yes {n}", f"no {n}") for n in range(6)]
    later = hh("of 3?\n\nAssistant: yes\n\nHuman: and more?", "yes, more", "no, no more")
    for population in preferences.POPULATIONS:
        zipped(tmp_path / "relabeled_hh_rlhf" / population / "test.jsonl.gz", [*talk, later])
    users = vpl_hh_split(tmp_path, each=3).users
    assert [user.id for user in users] == [f"{name}:{n:04d}" for name in ("helpful", "harmless") for n in range(2)]
    assert all(len(user.records) == 3 and [r.time for r in user.records] == [0, 1, 2] for user in users)
    assert {r.answer[:3] for user in users for r in user.records} == {"yes"}  # the answer alone, without the talk before it
    whole = vpl_hh_split(tmp_path, each=7).users[0]
    places = [place for place, record in enumerate(whole.records) if opening(record.prompt) == "human: of 3?"]
    assert len(places) == 2 and places[1] == places[0] + 1
    assert vpl_hh_split(tmp_path, each=3, seed=1).users != users
    with pytest.raises(DataError, match="one pair or more"):
        vpl_hh_split(tmp_path, each=0)


def test_rows_of_one_profile_are_one_person_and_earlier_pairs_come_first(tmp_path):
    before = [pair("b", "x", "y"), pair("b2", "x", "y")]
    rows = [pair(f"p{n}", "c", "r", profile=profile, ground_truth_persona="friendly") for n, profile in enumerate("AAB")]
    for name in preferences.SOUPS:
        (tmp_path / f"{name}.json").write_text(json.dumps([{**row, "Pair-wise Comparative Feedback": before} for row in rows]))
    read = psoups_alignx(tmp_path)
    assert len(read.users) == 4 and len({user.id for user in read.users}) == 4
    first = next(user for user in read.users if read.profiles[user.id] == "A")
    assert [record.prompt for record in first.records] == ["b", "b2", "p0", "p1"]


def test_what_a_talk_begins_with_tells_prompts_apart_and_nothing_later_does():
    assert opening("Human: Of  Foxes?\n\nAssistant: yes\n\nHuman: more") == opening("human: of foxes?") != opening("human: of dogs?")


def test_a_pair_that_went_both_ways_or_between_equals_is_not_decided():
    rows = [("p", "a", "b"), ("p", "b", "a"), ("q", "a", "b"), ("q", "c", "c")]
    made = [Record(p, a, float(at), "", "choice", o) for at, (p, a, o) in enumerate(rows)]
    assert [(one.prompt, one.answer) for one in decided(made)] == [("q", "a")]


@pytest.mark.parametrize("reader", [prism_pairs, vpl_hh_split, psoups_alignx])
def test_a_folder_without_the_files_is_named(reader, tmp_path):
    with pytest.raises(DataError, match="is not there|cannot be read"):
        reader(tmp_path)


@pytest.mark.parametrize(
    ("reader", "folder", "people"),
    [(prism_pairs, "prism_pairs", 257), (vpl_hh_split, "vpl_hh_split", 251), (psoups_alignx, "psoups_alignx", 1004)],
)
def test_the_real_files_are_read_whole(reader, folder, people):
    if not (SHARED / folder).is_dir():
        pytest.skip(f"{folder} is not at hand")
    read = reader(SHARED / folder)
    records = [record for user in read.users for record in user.records]
    assert len(read.users) == people and len({record.id for record in records}) == len(records)
    assert all(record.kind == "choice" and record.answer != record.other for record in records)
    assert not read.profiles or set(read.profiles) >= {user.id for user in read.users}
