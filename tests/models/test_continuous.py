"""Requests that join and leave while others run: each gets what it gets alone, and nobody waits for ever."""

import random
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from idiolect.errors import ModelError, RequestError
from idiolect.models.cache import Shelf, Slots, shelf_for, soon
from idiolect.models.local import LocalLM, load
from idiolect.models.turns import Busy
from idiolect.types import Guide, Memory, Prefix, ask
from tests.tiny_models import failing

SOON = 60  # seconds after which a test gives up


def memory(bench, seed):
    """A memory of the model's own states."""
    ((keys, values),) = bench.lm.traces([ask(f"Remember {seed}")], ["the lazy dog sleeps on"])
    return Memory(keys, np.zeros((len(values), 1), dtype=np.int32), values, near=0.4, temperature=5.0)


def mixed(bench, count):
    """Every bend, short and long prompts, greedy and drawn."""
    made = bench.assorted(count)
    made = [request.bent(memory=memory(bench, i)) if i % 7 == 2 else request for i, request in enumerate(made)]
    return [request.told("The fox said so. " * 12) if i % 9 == 4 else request for i, request in enumerate(made)]


def arriving(continuous, requests, seed):
    """Tickets of requests that come at random moments, out of order, with some that are cancelled between them."""
    chance = random.Random(seed)
    tickets, order = {}, list(range(len(requests)))
    chance.shuffle(order)
    for place in order:
        tickets[place] = continuous.submit(requests[place])
        if chance.random() < 0.3:
            continuous.submit(chance.choice(requests)).cancel()
        if chance.random() < 0.5:
            time.sleep(chance.random() * 0.02)
    return [tickets[place].reply(SOON) for place in range(len(requests))]


@pytest.mark.parametrize("limits", [{}, {"most_rows": 5, "prefill": 40}, {"token_budget": 300, "prefill": 1}])
def test_whoever_joins_and_leaves_each_gets_what_it_gets_alone(bench, opened, limits):
    requests = mixed(bench, 32)
    replies = arriving(opened(bench.lm, **limits), requests, seed=len(limits))
    assert replies == [bench.lm.generate([request])[0] for request in requests]
    assert len({reply.text for reply in replies}) > 16


def test_a_model_whose_layers_forget_answers_in_batches_that_nobody_joins(llama, opened):
    sizes = {"vocab_size": len(llama.tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.25, "sliding_window": 8}
    torch.manual_seed(0)
    lm = LocalLM(MistralForCausalLM(MistralConfig(**sizes, **heads, max_position_embeddings=256)), llama.tokenizer, "sliding")
    requests = [request for request in llama.assorted(24) if not request.adapters]
    assert arriving(opened(lm, prefill=30), requests, seed=3) == [lm.generate([request])[0] for request in requests]


def test_the_bundled_model_answers_several_people_as_it_answers_each(opened):
    lm = load("tiny")
    requests = [ask(f"Write the subject line of commit {i}", max_tokens=12, temperature=0.8 * (i % 2), seed=i) for i in range(6)]
    continuous = opened(lm)
    tickets = [continuous.submit(request) for request in requests]
    assert [ticket.reply(SOON) for ticket in tickets] == [lm.generate([request])[0] for request in requests]


def test_a_full_queue_refuses_and_says_when_to_come_again(llama, opened):
    continuous, request = opened(llama.lm, most_rows=1, most_waiting=3), ask("Tell me of the fox", max_tokens=40)
    with llama.lm.engine.lock:
        tickets = [continuous.submit(request)]
        while continuous.stats().waiting:
            time.sleep(0.001)
        tickets += [continuous.submit(request) for _ in range(3)]
        with pytest.raises(Busy, match="3 requests wait") as busy:
            continuous.submit(request)
    assert 1 <= busy.value.retry_after <= 60
    assert {ticket.reply(SOON).text for ticket in tickets} == {llama.lm.generate([request])[0].text}
    assert continuous.stats()[3:] == (4, 1)


def test_what_the_model_cannot_do_is_refused_before_any_work(llama, opened):
    continuous = opened(llama.lm)
    with pytest.raises(ModelError, match="made for another model"):
        continuous.submit(ask("Tell me").bent(prefix=Prefix(np.zeros((2, 7), dtype=np.float32))))
    with pytest.raises(RequestError, match="no rule"):
        continuous.submit(ask("Tell me").bent(guide=Guide((ask("Tell me"),), (1.0, 1.0), "quadratic")))
    assert continuous.stats() == (0, 0, 0, 0, 0)


def test_a_request_that_breaks_ends_alone(llama, opened):
    requests, good = llama.assorted(8), memory(llama, 1)
    beyond = replace(good, values=good.values + 10_000)  # tokens that the model does not have
    alone = [llama.lm.generate([request])[0] for request in requests]
    continuous = opened(llama.lm)
    with llama.lm.engine.lock:
        tickets = [continuous.submit(request) for request in requests[:4]]
        broken = continuous.submit(ask("Tell me").bent(memory=beyond))
        tickets += [continuous.submit(request) for request in requests[4:]]
    with pytest.raises(ModelError, match="could not be read"):
        broken.reply(SOON)
    assert [ticket.reply(SOON) for ticket in tickets] == alone


def test_numbers_that_are_none_stay_with_who_brought_them(llama, opened):
    sick = llama.adapter(1)
    sick = replace(sick, modules={path: (a * np.float32("nan"), b) for path, (a, b) in sick.modules.items()})
    requests, continuous = llama.assorted(12), opened(llama.lm)
    alone = [llama.lm.generate([request])[0] for request in requests]
    bad = ask("Tell me of the fox", max_tokens=5).bent(adapters={sick: 1.0})
    for request, reply in zip(requests, alone, strict=True):
        tickets = [continuous.submit(one) for one in (bad, request, bad.sampled(temperature=1.0, top_p=0.9))]
        assert tickets[1].reply(SOON) == reply


def test_a_step_that_breaks_down_ends_those_in_flight_and_the_next_are_answered(llama, opened):
    continuous, requests = opened(llama.lm), [ask(f"Tell me of fox {i}", max_tokens=100) for i in range(3)]
    with failing(llama.lm, after=8):
        tickets = [continuous.submit(request) for request in requests]
        for ticket in tickets:
            with pytest.raises(ModelError, match="the model broke down"):
                list(ticket.pieces())
    assert continuous.submit(requests[0]).reply(SOON) == llama.lm.generate(requests[:1])[0]


def test_the_thread_survives_what_nobody_thought_of(llama, opened, monkeypatch):
    continuous, request = opened(llama.lm), ask("Tell me of the fox", max_tokens=9)
    with monkeypatch.context() as patched:
        patched.setattr("idiolect.models.writing.Writing.piece", lambda writing: 1 / 0)
        with pytest.raises(ModelError, match="ZeroDivisionError"):
            list(continuous.submit(request).pieces())
    assert continuous.submit(request).reply(SOON) == llama.lm.generate([request])[0]


def test_closing_lets_those_in_flight_finish_as_long_as_there_is_time(llama, opened):
    requests = llama.assorted(6)
    patient, hasty = opened(llama.lm), opened(llama.lm)
    tickets = [patient.submit(request) for request in requests]
    patient.close(SOON)
    assert [ticket.reply(0) for ticket in tickets] == [llama.lm.generate([request])[0] for request in requests]
    with llama.lm.engine.lock:
        tickets = [hasty.submit(request) for request in requests]
        closing = threading.Thread(target=hasty.close, args=(0.01,))
        closing.start()
        while not hasty._stopped:
            time.sleep(0.001)
    closing.join(SOON)
    assert [ticket.reply(0).finish for ticket in tickets] == ["cancelled"] * 6
    for closed in (patient, hasty):
        with pytest.raises(ModelError, match="being closed"):
            closed.submit(requests[0])


LEFT_OPEN = """
from idiolect.models.continuous import Continuous
from idiolect.types import ask
from tests.tiny_models import tiny_llama
lm = tiny_llama().lm
lm.ends = frozenset()
ticket = Continuous(lm).submit(ask("Tell me of the fox", max_tokens=200))
next(ticket.pieces())
"""


def test_a_process_that_ends_in_the_middle_of_an_answer_ends_well():
    done = subprocess.run([sys.executable, "-c", LEFT_OPEN], capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=SOON)
    assert (done.returncode, done.stderr) == (0, "")


def test_other_threads_generate_stream_and_score_meanwhile(llama, opened):
    requests, continuous = llama.assorted(10), opened(llama.lm)
    alone = [llama.lm.generate([request])[0] for request in requests]
    scores = llama.lm.score(requests, ["the lazy dog"] * 10)
    tickets = [continuous.submit(request) for request in requests * 3]
    assert llama.lm.generate(requests) == alone
    assert ["".join(llama.lm.stream(request)) for request in requests] == [reply.text for reply in alone]
    assert [s.nats for s in llama.lm.score(requests, ["the lazy dog"] * 10)] == pytest.approx([s.nats for s in scores], abs=1e-3)
    assert [ticket.reply(SOON) for ticket in tickets] == alone * 3


def test_between_two_steps_no_more_is_read_than_the_budget(llama, opened, monkeypatch):
    requests = [ask("fox " * 100, max_tokens=4), *(ask("Tell me", max_tokens=30) for _ in range(12)), ask("fox " * 150, max_tokens=9)]
    alone = [llama.lm.generate([request])[0] for request in requests]
    sizes, forward = [], llama.lm.engine.logits
    monkeypatch.setattr(llama.lm.engine, "logits", lambda batch, *rest: sizes.append(batch.ids.numel()) or forward(batch, *rest))
    stretches, lean = [], llama.lm.engine.lean.step
    monkeypatch.setattr(llama.lm.engine.lean, "step", lambda *args: stretches.append(sum(sizes)) or sizes.clear() or lean(*args))
    continuous = opened(llama.lm, prefill=64)
    with llama.lm.engine.lock:
        tickets = [continuous.submit(request) for request in requests]
    assert [ticket.reply(SOON) for ticket in tickets] == alone
    assert max(stretches) <= 64 * 1.5 + 14  # one step of all rows among them


def test_a_long_prompt_that_is_being_read_can_be_cancelled_and_break_without_harm(endless, llama, opened):
    continuous, good = opened(endless, prefill=2), memory(llama, 1)
    long = ask("fox " * 150, max_tokens=5)
    ticket = continuous.submit(long)
    while continuous._reading is None:
        time.sleep(0.001)
    with endless.engine.lock:
        ticket.cancel()
        assert continuous.stats().running == 1
    assert (ticket.reply(SOON).finish, ticket.reply().tokens) == ("cancelled", 0)
    broken = continuous.submit(long.bent(memory=replace(good, values=good.values + 10_000)))
    with pytest.raises(ModelError, match="could not be read"):
        broken.reply(SOON)
    assert continuous.submit(long).reply(SOON) == endless.generate([long])[0]


def test_short_prompts_do_not_wait_for_long_ones(llama, opened):
    continuous, order = opened(llama.lm, prefill=16), []
    with llama.lm.engine.lock:
        for name, text in (("long", "fox " * 150), ("longer", "fox " * 160), ("short", "Tell me")):
            ticket = continuous.submit(ask(text, max_tokens=3))
            threading.Thread(target=lambda name=name, ticket=ticket: (ticket.reply(SOON), order.append(name))).start()
    while len(order) < 3:
        time.sleep(0.005)
    assert order == ["short", "long", "longer"]


def test_what_is_kept_stays_within_the_budget_and_the_room_it_needs(llama, opened, monkeypatch):
    step, seen = Slots.next, []

    def watched(slots):
        made = step(slots)
        seen.append((sum(shelf.rooms[0][0].buffer[:, 0, :, 0].numel() for shelf in slots.shelves), slots))
        assert seen[-1][0] <= 2 * sum(len(shelf.rows) * shelf.tokens for shelf in slots.shelves)
        assert sum(slots.ends) <= 600 or len(slots.ends) == 1
        return made

    requests = [ask("fox " * (1 + 37 * i % 90), max_tokens=3 + 11 * i % 40) for i in range(40)]
    alone = [llama.lm.generate([request])[0] for request in requests]
    monkeypatch.setattr(Slots, "next", watched)
    continuous = opened(llama.lm, token_budget=600)
    assert [ticket.reply(SOON) for ticket in [continuous.submit(request) for request in requests]] == alone
    assert len(seen) > 40 and seen[-1][1].shelves == []


def test_a_long_row_costs_the_short_ones_nothing(llama, monkeypatch):
    """Attention goes over the columns of a row's own shelf, and a row that grows out of its shelf goes to the next."""
    columns, write = [], Shelf.write

    def watched(shelf, *args):
        keys, values = write(shelf, *args)
        columns.append(keys.shape[0] * keys.shape[2])
        return keys, values

    requests = [ask("fox " * 180, max_tokens=40), *(ask(f"Tell me of fox {i}", max_tokens=100) for i in range(20))]
    alone = [llama.lm.generate([request])[0] for request in requests]
    monkeypatch.setattr(Shelf, "write", watched)
    together = llama.lm.generate(requests)
    longest = max(reply.prompt_tokens + reply.tokens for reply in alone)
    assert together == alone and max(columns) < 20 * longest * 0.6
    assert [soon(30, 20), soon(30, 200), soon(200, 300)] == [50, 94, 400] and [shelf_for(n) for n in (1, 64, 65, 400)] == [64, 64, 128, 512]
