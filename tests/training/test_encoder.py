"""One network for everybody: whose history it is told, what moves while it learns, and that padding and company say nothing."""

import numpy as np
import pytest
import torch
from torch import nn

from idiolect.errors import RequestError
from idiolect.training.encoder import Block, Encoder, Network, drawn, restored, teach
from idiolect.training.lessons import Course, Lesson, lessons
from idiolect.training.loop import Plan
from idiolect.types import Prefix, ask
from tests.conformance.people import ANN, BOB, CYD

PLAN = Plan(lr=1e-2, epochs=2, batch=4)


class Mean(Network):
    """A prefix of one vector: a linear map of the mean of what was answered."""

    ahead = 1

    def __init__(self):
        super().__init__(32)
        self.map = nn.Linear(32, 32)

    def forward(self, history, there, asked):
        return list(self.map(history[:, :, 1].mean(dim=1))[:, None])


class Adapts(Network):
    """An adapter whose A is fixed and whose B is as long as the history."""

    def __init__(self):
        super().__init__(32)
        self.a = nn.Parameter(torch.ones(1, 32))

    def forward(self, history, there, asked):
        rows = len(history)
        return {"model.layers.0.self_attn.q_proj": (self.a.expand(rows, 1, 32), there.sum(dim=1).view(-1, 1, 1).expand(rows, 1, 32) / 9)}


def lesson(records, fill, answer="foxes"):
    return Lesson((ask("Of what?"), answer), np.full((records, 2, 32), fill, dtype=np.float32), np.zeros(32, dtype=np.float32))


def bends_of(learner, lm, places):
    """How the learner bends rows that are these lessons."""
    parameters, rows = learner.start(1), torch.tensor(places)
    requests = [learner.lessons[place].pair[0] for place in places]
    return learner.bend(lm.bends(requests), parameters, torch.zeros_like(rows), rows)


def test_each_row_is_bent_by_the_history_of_its_own_lesson_whatever_rows_share_the_pass(llama):
    learner = Encoder(drawn(Mean, 0), [lesson(1, 0.1), lesson(1, 0.2), lesson(1, 0.3)], torch.device("cpu"))
    whole = bends_of(learner, llama.lm, [0, 1, 2]).prefixes
    turned = bends_of(learner, llama.lm, [2, 0]).prefixes
    assert not torch.allclose(whole[0], whole[2])
    assert torch.allclose(turned[0], whole[2]) and torch.allclose(turned[1], whole[0])


def test_an_adapter_for_each_row_stands_beside_what_the_request_carries(llama):
    given = ask("Of what?").bent(adapters={llama.adapter(1, targets=("q_proj",)): 1.0})
    taught = [
        Lesson((request, "foxes"), np.ones((n, 2, 32), dtype=np.float32), np.zeros(32)) for request, n in ((given, 3), (ask("Who?"), 6))
    ]
    a, b = bends_of(Encoder(Adapts(), taught, torch.device("cpu")), llama.lm, [0, 1]).lora["model.layers.0.self_attn.q_proj"]
    assert a.shape[0] == b.shape[0] == 2 and a.shape[1] == 4 + 1
    assert torch.allclose(b[:, -1, 0], torch.tensor([3 / 9, 6 / 9])) and b[0, :4].any() and not b[1, :4].any()


def test_learning_moves_the_network_and_nothing_else(llama):
    before = drawn(Mean, 0)
    weights = before.map.weight.clone()
    arrays = teach(llama.lm, before, lessons(llama.lm, [ANN, BOB], Course()), PLAN)
    assert set(arrays) == {"mean", "spread", "map.weight", "map.bias"}
    assert torch.equal(before.map.weight, weights), "the network that was given is a start"
    assert not np.allclose(arrays["map.weight"], weights.detach().numpy())  # and the fixture looks at the model


def test_what_was_learnt_comes_back_from_its_arrays(llama):
    made = lessons(llama.lm, [ANN, BOB], Course())
    arrays = teach(llama.lm, drawn(Mean, 0), made, PLAN)
    one, other = (restored(drawn(Mean, seed), arrays) for seed in (1, 2))
    told = one.told([made[3].history], [made[3].asked])
    assert torch.equal(one(*told)[0], other(*told)[0])
    assert not one(*told)[0].requires_grad


def test_vectors_are_standardized_by_those_of_the_lessons(llama):
    made = lessons(llama.lm, [ANN, BOB, CYD], Course(thinned=0.0))
    network = restored(drawn(Mean, 0), teach(llama.lm, drawn(Mean, 0), made, Plan(epochs=0)))
    history, there, _ = network.told([lesson.history for lesson in made], [lesson.asked for lesson in made])
    kept = history[there]
    assert torch.allclose(kept.mean(dim=0), torch.zeros(2, 32), atol=1e-4)
    assert torch.allclose(kept.std(dim=0, correction=0), torch.ones(2, 32), atol=1e-2)


def test_it_learns_whose_history_means_which_answer(llama):
    ann, bob = lesson(2, 1.0, "the lazy dog"), lesson(2, -1.0, "a naïve café")
    network = restored(drawn(Mean, 0), teach(llama.lm, drawn(Mean, 0), [ann, bob] * 4, Plan(lr=3e-2, epochs=20, batch=8)))
    own, other = [], []
    for one in (ann, bob):
        prefixes = [Prefix(network(*network.told([x.history]))[0].numpy()) for x in (one, bob if one is ann else ann)]
        scores = llama.lm.score([one.pair[0].bent(prefix=prefix) for prefix in prefixes], [one.pair[1]] * 2)
        own.append(scores[0].nats)
        other.append(scores[1].nats)
    assert sum(own) > sum(other) + 2


def test_padding_and_company_change_nothing_of_what_a_block_makes():
    block = Block(16, heads=4)
    x = torch.randn(1, 3, 16)
    alone = block(x, x, torch.ones(1, 3, 3, dtype=torch.bool))
    padded = torch.cat([torch.cat([x, torch.full((1, 2, 16), 9.0)], dim=1), torch.randn(1, 5, 16)])
    seen = torch.ones(2, 5, 5, dtype=torch.bool)
    seen[0, :, 3:] = False
    assert torch.allclose(block(padded, padded, seen)[0, :3], alone[0], atol=1e-5)


def test_the_first_weights_depend_on_the_seed_alone_and_leave_chance_where_it_was():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = (drawn(Mean, seed).map.weight for seed in (1, 1, 2))
    assert torch.rand(1) == expected
    assert torch.equal(one, again) and not torch.equal(one, other)


def test_without_lessons_the_start_is_kept(llama):
    arrays = teach(llama.lm, drawn(Mean, 3), [], PLAN)
    assert np.array_equal(arrays["map.weight"], drawn(Mean, 3).map.weight.detach().numpy()) and (arrays["spread"] == 1).all()


def test_two_jobs_are_refused_because_an_encoder_is_everybodys():
    with pytest.raises(RequestError, match="one job, not 2"):
        Encoder(drawn(Mean, 0), [], torch.device("cpu")).start(2)


def test_vectors_that_never_differ_are_not_blown_up(llama):
    arrays = teach(llama.lm, drawn(Mean, 0), [lesson(2, 0.5), lesson(3, 0.5)], Plan(epochs=0))
    assert arrays["spread"].min() >= 1e-3 and np.allclose(arrays["mean"], 0.5)


def test_a_prefix_leaves_room_for_itself_in_the_window(llama, monkeypatch):
    rows, real = [], llama.lm.encode
    monkeypatch.setattr(llama.lm, "encode", lambda *given, **options: rows.append(real(*given, **options)) or rows[-1])
    taught = [Lesson((ask("foxes " * 900), "foxes"), np.zeros((1, 2, 32), dtype=np.float32), np.zeros(32, dtype=np.float32))]
    teach(llama.lm, drawn(Mean, 0), taught, Plan(epochs=1))
    assert [len(row.ids) for row in rows] == [llama.lm.window - Mean.ahead]
