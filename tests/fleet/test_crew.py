"""Handing out shards: nobody twice, nobody forgotten, whoever dies; on workers that do as the test says."""

import pytest

from idiolect.errors import ModelError
from idiolect.fleet.crew import IN_A_ROW, TRIES, dispatch, shards
from idiolect.fleet.work import Failed, Learnt, Lost, enroll
from tests.fleet.marked import people, work


class Acted:
    """A crew in memory. `dies(number, ids)` says whether worker `number` dies of these people (none: while it starts)."""

    def __init__(self, size, dies=lambda number, ids: False):
        self.size, self.dies, self.workers, self.given, self.open, self.begun = size, dies, [], [], False, 0

    def begin(self, work):
        self.work, self.open, self.begun = work, True, self.begun + 1

    def start(self):
        self.workers.append(One(self, len(self.workers)))
        return self.workers[-1]

    def wait(self, workers):
        first = workers[-1]  # the latest comes first: order must not matter
        ids = [user.id for user in first.people]
        if self.dies(first.number, ids):
            return [(first, Lost(f"worker {first.number} died"))]
        return [(first, enroll(self.work.assistant, first.people))]

    def end(self):
        self.open = False

    @property
    def there(self):
        return [worker for worker in self.workers if not worker.gone]


class One:
    def __init__(self, crew, number):
        self.crew, self.number, self.people, self.gone = crew, number, [], False

    def give(self, some):
        assert not self.gone
        self.people = list(some)
        self.crew.given.append([user.id for user in some])

    def dismiss(self):
        self.gone = True


def run(crew, folder, count=10, together=3, **settings):
    made = list(dispatch(crew, work(folder, **settings), shards(people(count), together)))
    assert not crew.there and not crew.open
    learnt = [one.user_id for one in made if isinstance(one, Learnt)]
    assert len(learnt) == len(set(learnt))
    return learnt, [one for one in made if isinstance(one, Failed)], [one for one in made if isinstance(one, Lost)]


@pytest.mark.parametrize("size", [1, 2, 3, 9])
def test_everybody_comes_back_once(tmp_path, size):
    learnt, failed, lost = run(Acted(size), tmp_path)
    assert sorted(learnt) == [user.id for user in people(10)] and not failed and not lost


def test_no_more_workers_are_started_than_there_are_shards(tmp_path):
    crew = Acted(9)
    run(crew, tmp_path, count=4, together=2)
    assert len(crew.workers) == 2
    nobody = Acted(9)
    assert run(nobody, tmp_path, count=0) == ([], [], []) and not nobody.workers and not nobody.begun


def test_people_of_a_worker_that_dies_are_redone_by_another_together(tmp_path):
    crew = Acted(2, dies=lambda number, ids: number == 0 and "p01" in ids)
    crew.wait = lambda workers, wait=crew.wait: wait(sorted(workers, key=lambda worker: -worker.number))
    learnt, failed, lost = run(crew, tmp_path, count=6)
    assert sorted(learnt) == [user.id for user in people(6)] and not failed and len(lost) == 1
    assert crew.given.count(["p00", "p01", "p02"]) == 2


def test_one_of_whom_every_worker_dies_is_failed_and_their_company_is_learnt(tmp_path):
    crew = Acted(2, dies=lambda number, ids: "p01" in ids)
    learnt, failed, lost = run(crew, tmp_path)
    assert sorted(learnt) == [user.id for user in people(10) if user.id != "p01"] and len(lost) == TRIES
    assert [one.user_id for one in failed] == ["p01"] and f"{TRIES} workers died while they had this person" in failed[0].reason
    assert crew.given.count(["p01"]) == 1


def test_workers_that_all_die_end_the_run_with_one_sentence(tmp_path):
    crew = Acted(2, dies=lambda number, ids: not ids)
    with pytest.raises(ModelError, match=r"13 workers died with nobody learnt .* fewer --workers"):
        run(crew, tmp_path)
    assert len(crew.workers) < IN_A_ROW + 4 and not crew.there and not crew.open


def test_a_free_worker_has_its_next_shard_before_the_last_is_told(tmp_path):
    crew = Acted(1)
    made = dispatch(crew, work(tmp_path), shards(people(4), 2))
    assert next(made).user_id == "p00"
    assert crew.given == [["p00", "p01"], ["p02", "p03"]]
    made.close()
    assert not crew.there and not crew.open


def test_a_worker_without_more_to_do_is_let_go_while_others_work(tmp_path):
    crew = Acted(2)
    crew.wait = lambda workers, wait=crew.wait: wait(workers[::-1])  # both are ready before one has done its shard
    made = dispatch(crew, work(tmp_path), shards(people(3), 2))
    next(made)
    assert len(crew.workers) == 2 and len(crew.there) == 1
    made.close()


def test_people_are_drawn_only_as_they_are_needed(tmp_path):
    drawn = []
    made = dispatch(Acted(2), work(tmp_path), shards((drawn.append(user) or user for user in people(40)), 2))
    next(made)
    assert len(drawn) <= 8
    made.close()
