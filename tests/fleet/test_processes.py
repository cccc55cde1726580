"""Processes of this machine: the same states as alone, nobody twice when one is killed, and none left behind."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from idiolect.errors import DataError, ModelError
from idiolect.fleet import Processes, Work, dispatch
from idiolect.fleet.crew import shards
from idiolect.fleet.work import Failed, Learnt, Lost
from idiolect.method import Method
from idiolect.models.scripted import ScriptedLM
from tests.fleet.marked import people, work, written

ROOT = Path(__file__).parents[2]

PARENT = """
import sys
from idiolect.fleet import Processes, dispatch
from idiolect.fleet.crew import shards
from tests.fleet.marked import people, work
if __name__ == "__main__":
    for one in dispatch(Processes(2), work(sys.argv[1], slow=0.2), shards(people(600), 300)):
        print(one.user_id, flush=True)
"""


class Needy(Method):
    needs = frozenset({"train"})


class Threads(Method):
    def enroll(self, users, lm):
        import torch

        return [__import__("idiolect.types").types.State(numbers={"threads": torch.get_num_threads()}) for _ in users]


def with_torch():
    import torch

    torch.set_num_threads(4)
    return ScriptedLM()


def test_a_worker_killed_in_the_middle_costs_nobody_and_nobody_is_learnt_twice(tmp_path):
    made = list(dispatch(Processes(2), work(tmp_path, kills={"p04": 1, "p09": 3}, fails=("p02",)), shards(people(12), 3)))
    learnt = [one.user_id for one in made if isinstance(one, Learnt)]
    assert sorted(learnt) == [user.id for user in people(12) if user.id not in ("p02", "p09")]
    failed = {one.user_id: one.reason for one in made if isinstance(one, Failed)}
    assert "p02 cannot be read" in failed["p02"] and "3 workers died" in failed["p09"] and len(failed) == 2
    assert [one.reason for one in made if isinstance(one, Lost)] == ["killed by SIGKILL"] * 4
    assert {one.state.text for one in made if isinstance(one, Learnt)} >= {"p04: says 4.0 says 4.1", "p10: says 10.0 says 10.1"}
    assert written(tmp_path)["opened"] <= 6  # once in each of two workers, and in each that took a dead one's place


def test_every_worker_opens_its_model_once_and_has_one_thread():
    made = list(dispatch(Processes(2), Work(with_torch, Threads()), shards(people(6), 1)))
    assert [one.state.numbers["threads"] for one in made] == [1] * 6


def test_a_worker_that_cannot_start_is_one_sentence_in_the_parent():
    with pytest.raises(ModelError, match="Needy needs train"):
        list(dispatch(Processes(2), Work(partial(ScriptedLM), Needy()), shards(people(4), 1)))


def test_fewer_than_one_worker_is_refused():
    with pytest.raises(DataError, match="1 worker or more, not 0"):
        Processes(0)


def test_workers_leave_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script, str(tmp_path)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    until = time.monotonic() + 60
    while sum(path.read_text().count("enrolled") for path in tmp_path.glob("*.log")) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    workers = [int(path.stem) for path in tmp_path.glob("*.log")]
    assert workers
    while any(alive(pid) for pid in workers) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
