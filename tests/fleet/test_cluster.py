"""A Ray cluster of two processes on this machine: the same as anywhere else, a killed worker included, and not a word of Ray's."""

import logging
import os

import pytest

from idiolect.errors import MissingExtra, ModelError
from idiolect.extras import have
from idiolect.fleet import Cluster, dispatch
from idiolect.fleet.crew import shards
from idiolect.fleet.work import Failed, Learnt, Lost
from idiolect.types import State
from tests.fleet.marked import people, work, written

with_ray = pytest.mark.skipif(not have("ray"), reason="ray is not installed: pip install 'idiolect[scale]'")


def all_of(outcomes):
    try:
        return list(outcomes)
    except ModelError as error:
        if "timed out during startup" in str(error):
            pytest.skip("Ray gives its own processes 30 seconds to start, and this machine is too busy for that")
        raise


@with_ray
def test_a_worker_killed_in_the_middle_costs_nobody_and_nobody_is_learnt_twice(tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    own = work(tmp_path, kills={"p04": 1}, fails=("p02",))
    own.method.shared = State(numbers={"drawn": 7.0})
    made = all_of(dispatch(Cluster(2), own, shards(people(12), 3)))
    learnt = [one for one in made if isinstance(one, Learnt)]
    assert sorted(one.user_id for one in learnt) == [user.id for user in people(12) if user.id != "p02"]
    assert {one.state.numbers["shared"] for one in learnt} == {7.0}
    assert [one for one in made if isinstance(one, Failed)] == [Failed("p02", "ValueError: p02 cannot be read")]
    assert sum(isinstance(one, Lost) for one in made) == 1
    assert 2 <= written(tmp_path)["opened"] <= 3 and not (tmp_path / f"{os.getpid()}.log").exists()
    said = capfd.readouterr()
    assert said.out == "" and said.err == ""
    import ray

    assert not ray.is_initialized() and logging.getLogger("ray").level >= logging.CRITICAL


@with_ray
def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path, monkeypatch):
    import ray

    def away(**place):
        assert place["address"] == "127.0.0.1:1"
        raise ConnectionError("nobody listens")

    monkeypatch.setattr(ray, "init", away)
    with pytest.raises(ModelError, match=r"Ray cluster at 127.0.0.1:1 could not be used .*nobody listens.* --on processes"):
        list(dispatch(Cluster(2, "127.0.0.1:1"), work(tmp_path), shards(people(2), 1)))


@with_ray
def test_a_cluster_that_is_slow_to_start_is_tried_again(tmp_path, monkeypatch):
    import ray

    tried = []

    def slow(**place):
        tried.append(place)
        raise Exception("The current node timed out during startup.")

    monkeypatch.setattr(ray, "init", slow)
    with pytest.raises(ModelError, match="timed out during startup"):
        list(dispatch(Cluster(2), work(tmp_path), shards(people(2), 1)))
    assert len(tried) == 3 and tried[0]["num_cpus"] == 2 and tried[0]["include_dashboard"] is False and not tried[0]["log_to_driver"]


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'idiolect\[scale\]'"):
        Cluster(2)
