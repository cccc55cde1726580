"""This process as a crew of one: the model that is open is the one that is used."""

from idiolect.fleet import Local, dispatch
from idiolect.fleet.crew import shards
from idiolect.fleet.work import Failed
from tests.fleet.marked import people, work, written


def test_everybody_is_learnt_in_order_with_one_model(tmp_path):
    made = list(dispatch(Local(), work(tmp_path, fails=("p03",)), shards(people(5), 2)))
    assert [one.user_id for one in made] == [user.id for user in people(5)]
    assert isinstance(made[3], Failed) and written(tmp_path)["opened"] == 1


def test_states_are_those_that_the_method_gives(tmp_path):
    own = work(tmp_path)
    made = [one.state for one in dispatch(Local(), own, shards(people(3), 2))]
    assert [state.text for state in made] == [state.text for state in own.method.enroll(people(3), own.assistant.lm)]
