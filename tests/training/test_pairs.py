"""Training pairs: what a record may be told, and who is drawn."""

from hypothesis import given, settings
from hypothesis import strategies as st

from idiolect.training.pairs import pairs, together
from idiolect.types import Record, User
from idiolect.wording import QUOTED

TIMES = st.lists(st.integers(0, 6), max_size=14)


def user_of(times, name="ann"):
    """Every record is about foxes, so that any may be found for any."""
    return User(name, [Record(f"Question {i} of foxes", f"{name}zq{i}", time) for i, time in enumerate(times)])


def told(pair):
    """Ids of the records that a pair's request quotes."""
    return [reason.removeprefix("record:") for reason in pair[0].because]


@settings(max_examples=60, deadline=None)
@given(TIMES, st.integers(0, 5), st.integers(0, 16))
def test_a_record_is_told_strictly_earlier_ones_and_as_many_as_there_are(times, k, newest):
    user = user_of(times)
    made, kept = pairs(user, k, newest), list(user.records)[max(0, len(times) - newest) :]
    assert [(request.question, answer) for request, answer in made] == [(record.prompt, record.answer) for record in kept]
    times_of = {record.id: record.time for record in user.records}
    for pair, record in zip(made, kept, strict=True):
        earlier = sum(other.time < record.time for other in user.records)
        assert all(times_of[name] < record.time for name in told(pair))
        assert len(told(pair)) == len(set(told(pair))) == min(k, earlier)
        assert str(pair[0].messages).count("Wrote: ") == min(k, earlier)


def test_records_of_one_time_are_never_told_to_one_another():
    assert not any(map(told, pairs(user_of([5, 5, 5, 5]), k=3)))


def test_what_is_told_comes_from_the_whole_history_also_where_few_records_are_taught():
    user = User(
        "ann",
        [Record("On zebras", "stripes", 0), *(Record(f"On foxes {i}", "fur", i + 1) for i in range(9)), Record("On zebras", "more", 20)],
    )
    made = pairs(user, k=1, newest=1)
    assert [told(pair) for pair in made] == [[user.records[0].id]]
    assert QUOTED in made[0][0].messages[0].content and "stripes" in made[0][0].messages[0].content


def test_without_k_nothing_is_told():
    assert all(len(request.messages) == 1 for request, _ in pairs(user_of(range(5))))


def test_everybody_gives_their_newest_and_all_where_there_is_room():
    ann, bob = user_of(range(6)), user_of(range(3), "bob")
    made = together([ann, bob], k=0, newest=4, at_most=7, seed=0)
    assert [answer for _, answer in made] == ["annzq2", "annzq3", "annzq4", "annzq5", "bobzq0", "bobzq1", "bobzq2"]


def test_a_draw_is_repeated_by_its_seed_and_another_seed_draws_others():
    people = [user_of(range(20)), user_of(range(20), "bob")]
    draws = [together(people, k=1, newest=32, at_most=8, seed=seed) for seed in (3, 3, 4)]
    assert draws[0] == draws[1] != draws[2]
    assert all(len({answer for _, answer in draw}) == 8 for draw in draws)


def test_a_draw_takes_places_so_that_users_in_another_order_are_drawn_otherwise():
    ann, bob = user_of(range(20)), user_of(range(20), "bob")
    one, other = (together(people, k=0, newest=32, at_most=8, seed=0) for people in ([ann, bob], [bob, ann]))
    swapped = [answer.replace("ann", "?").replace("bob", "ann").replace("?", "bob") for _, answer in other]
    assert [answer for _, answer in one] == swapped


def test_nobody_is_told_what_another_wrote():
    people = [user_of(range(8)), user_of(range(8), "bob")]
    for pair in together(people, k=3, newest=8, at_most=12, seed=1):
        own = {record.id for user in people for record in user.records if pair[1].startswith(user.id)}
        assert set(told(pair)) <= own


def test_of_nobody_there_is_nothing():
    assert pairs(User("nobody"), k=2) == [] == together([], 2, 4, 8, 0) == together([User("nobody")], 2, 4, 8, 0)
