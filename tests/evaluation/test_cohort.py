"""Who is compared: splits by time, who is left out, and whose history stands in for whose."""

import pytest

from idiolect.data.splits import Split, split_all
from idiolect.errors import DataError
from idiolect.evaluation.cohort import Setup, gather, pair, shares
from idiolect.types import History, Record, User
from tests.evaluation.people import crowd


def test_every_record_asked_for_is_later_than_the_history_and_in_nobodys() -> None:
    joint = Record("abstract", "joint title", 9.5, "paper-1")
    users = crowd(6)
    early = [Record(f"late {i}", f"later work {i}", 20.0 + i) for i in range(10)]
    users[0] = User("first", History([*users[0].records, joint]))
    users[1] = User("second", History([*users[1].records, joint, *early]))
    cohort = gather(users)
    asked = {target.answer for person in cohort.people for target in person.targets}
    assert "joint title" in asked and cohort.counts.removed_records >= 1
    for person in cohort.people:
        assert person.user.records[-1].time < min(target.time for target in person.targets)
        assert all(record.answer != "joint title" for record in person.user.records)


def test_histories_and_targets_are_those_of_the_split() -> None:
    users = crowd(5)
    splits = split_all(users, 0.2, 3).splits
    assert [(p.user.records, p.targets) for p in gather(users).people] == [(s.history, s.targets) for s in splits]


def test_people_who_cannot_be_compared_are_left_out_and_counted() -> None:
    short = User("short", History(Record("", f"a {t}", float(t)) for t in range(3)))
    timeless = User("timeless", History(Record("", f"b {t}", 0.0) for t in range(9)))
    seen = User("seen", crowd(9)[8].records)
    counts = gather([*crowd(5), short, timeless, seen], Setup(users_n=4, seen_users={"seen"})).counts
    assert (counts.given, counts.seen, counts.untargeted, counts.short, counts.unchosen, counts.compared) == (8, 1, 1, 1, 1, 4)


def test_the_draw_of_people_is_seeded() -> None:
    def names(seed: int) -> list[str]:
        return [user.id for user in gather(crowd(20), Setup(users_n=5, seed=seed)).users]

    assert names(0) == names(0) and len({tuple(names(seed)) for seed in range(5)}) > 1


def test_everyone_is_paired_with_another_and_every_history_is_used_once() -> None:
    cohort = gather(crowd(20))
    others = [person.other for person in cohort.people]
    assert sorted(o for o in others if o is not None) == list(range(20))
    assert all(other != place for place, other in enumerate(others))
    assert others == [person.other for person in gather(crowd(20)).people]
    assert others != [person.other for person in gather(crowd(20), Setup(seed=1)).people]


def test_nobody_stands_in_for_a_coauthor_where_somebody_else_can() -> None:
    splits = [
        Split(user.id, History([*user.records, Record("joint", f"paper {i // 2}", 3.5, f"p{i // 2}")]), ())
        for i, user in enumerate(crowd(12))
    ]
    for seed in range(10):
        others = pair(splits, seed)
        assert sorted(o for o in others if o is not None) == list(range(12))
        assert not any(o is None or shares(splits[i], splits[o]) for i, o in enumerate(others))


def test_where_only_a_coauthor_is_there_the_coauthor_stands_in_and_is_counted() -> None:
    joint = [Record("joint", "paper", 3.5, "p")]
    users = [User(user.id, History([*user.records, *joint])) for user in crowd(2)]
    assert gather(users).counts.sharing == 2
    assert [person.other for person in gather(users).people] == [1, 0]


def test_equal_ratings_are_not_a_shared_record() -> None:
    users = [User(f"u{i}", History(Record(f"film {t}", "4", float(t), str(t)) for t in range(10))) for i in range(2)]
    assert gather(users).counts.sharing == 0


def test_nobody_to_compare_is_an_error_with_a_way_out() -> None:
    with pytest.raises(DataError, match="give a file"):
        gather([])
    with pytest.raises(DataError, match="give longer histories"):
        gather([User("new")])


def test_setups_and_people_that_cannot_be_are_refused() -> None:
    with pytest.raises(DataError, match="1 or more, not 0"):
        gather(crowd(3), Setup(users_n=0))
    with pytest.raises(DataError, match="same id"):
        gather([crowd(1)[0], crowd(1)[0]])


def test_with_newest_only_the_latest_records_may_be_learnt_and_the_same_are_asked_for() -> None:
    whole, cut = gather(crowd(6)), gather(crowd(6), Setup(newest=2))
    assert [len(person.user.records) for person in cut.people] == [2] * 6
    for one, other in zip(whole.people, cut.people, strict=True):
        assert other.targets == one.targets and list(other.user.records) == list(one.user.records)[-2:]


def test_with_least_people_of_short_histories_are_left_out_and_counted() -> None:
    long = User("long", History(Record("", f"part {t}", float(t)) for t in range(40)))
    cohort = gather([*crowd(4), long], Setup(least=20))
    assert [user.id for user in cohort.users] == ["long"] and cohort.counts.short == 4


def test_newcomers_are_compared_and_only_the_others_teach_together() -> None:
    cohort = gather(crowd(12), Setup(newcomers=0.25))
    taught, new = {user.id for user in cohort.teachers}, {user.id for user in cohort.users}
    assert len(new) == 3 and len(taught) == 9 and not taught & new and cohort.counts.teachers == 9
    assert all(person.other is not None and person.other < 3 for person in cohort.people)
    assert gather(crowd(4)).teachers == gather(crowd(4)).users


@pytest.mark.parametrize("setup", [Setup(newest=0), Setup(newcomers=1.0), Setup(newcomers=-0.1)])
def test_a_setup_that_cannot_be_is_refused_with_its_values(setup: Setup) -> None:
    with pytest.raises(DataError, match="newest is a number of records, 1 or more, and newcomers a share below 1"):
        gather(crowd(4), setup)
