"""Tickets: the text in pieces, in threads and event loops, and the ways out."""

import asyncio
import time

import pytest

from idiolect.models.turns import TimedOut
from idiolect.types import ask

SOON = 60  # seconds after which a test gives up


def begun(ticket):
    """Wait until its first token is written."""
    while not (ticket.group and ticket.group.writing.tokens):
        time.sleep(0.001)


def test_pieces_are_the_text_and_a_stop_string_is_not_told(bench, opened):
    continuous, free = opened(bench.lm), ask("Tell me of the fox", max_tokens=24)
    whole = bench.lm.generate([free])[0].text
    for request in (free, free.sampled(stop=(whole[len(whole) // 2 :][:2],))):
        ticket = continuous.submit(request)
        pieces = list(ticket.pieces())
        assert "".join(pieces) == ticket.reply().text == bench.lm.generate([request])[0].text
        assert list(ticket.pieces()) == []
    late = continuous.submit(free)
    late.reply(SOON)
    assert list(late.pieces()) == [whole]


def test_an_event_loop_hears_many_people_at_once_and_is_never_blocked(llama, opened):
    requests, continuous = llama.assorted(12), opened(llama.lm)

    async def one(request):
        tickets.append(ticket := continuous.submit(request))
        return "".join([piece async for piece in ticket.apieces()]), await ticket.areply()

    async def ticks():
        while True:
            await asyncio.sleep(0.001)
            ticked.append(len([ticket for ticket in tickets if not ticket.ended]))

    async def everybody():
        ticking = asyncio.create_task(ticks())
        made = await asyncio.gather(*map(one, requests))
        ticking.cancel()
        return made

    tickets, ticked = [], []
    alone = [llama.lm.generate([request])[0] for request in requests]
    assert asyncio.run(everybody()) == [(reply.text, reply) for reply in alone]
    assert len([running for running in ticked if running]) > 3  # the loop went on while answers were made


def test_cancelling_who_listens_cancels_the_ticket(endless, opened):
    continuous = opened(endless)

    async def leave_in_the_middle(listen):
        ticket = continuous.submit(ask("Tell me of the fox", max_tokens=200))
        task = asyncio.create_task(listen(ticket))
        await asyncio.to_thread(begun, ticket)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(ticket.reply, SOON)

    async def pieces(ticket):
        async for _ in ticket.apieces():
            pass

    async def reply(ticket):
        await ticket.areply()

    for listen in (pieces, reply):
        made = asyncio.run(leave_in_the_middle(listen))
        assert made.finish == "cancelled" and 0 < made.tokens < 200


def test_who_is_cancelled_leaves_with_what_was_written_and_frees_their_rows(endless, opened):
    continuous = opened(endless, most_rows=1)
    first, second = (continuous.submit(ask("Tell me of the fox", max_tokens=200)) for _ in range(2))
    begun(first)
    with endless.engine.lock:
        second.cancel()
        first.cancel()
        assert not first.ended
    made = [first.reply(SOON), second.reply(SOON)]
    assert [reply.finish for reply in made] == ["cancelled", "cancelled"] and made[1].tokens == 0
    assert made[0].tokens < 200 and endless.generate([first.request])[0].text.startswith(made[0].text.rstrip("\ufffd"))
    after = continuous.submit(ask("Tell me", max_tokens=3))
    assert after.reply(SOON) == endless.generate([after.request])[0]
    assert continuous.stats()[:2] == (0, 0) and continuous.stats().finished == 1


def test_a_deadline_says_how_far_the_answer_came(endless, opened):
    continuous, request = opened(endless, most_rows=1), ask("Tell me of the fox", max_tokens=200)
    running = continuous.submit(request)
    begun(running)
    late = continuous.submit(request, deadline=-1)
    with pytest.raises(TimedOut, match="before the first token"):
        late.reply(SOON)
    running.deadline = time.monotonic()
    with pytest.raises(TimedOut, match=r"when \d+ of at most 200 tokens were written") as told:
        list(running.pieces())
    assert 0 < told.value.tokens < 200
    patient = continuous.submit(request)
    with pytest.raises(TimedOut, match="no reply after"):
        patient.reply(0.0)
    assert patient.reply(SOON).tokens == 200


def test_log_probabilities_are_those_of_the_answer_scored(llama, opened):
    continuous = opened(llama.lm)
    for request in llama.assorted(12):
        ticket = continuous.submit(request, logprobs=3)
        told = ticket.logprobs  # grows
        text = ticket.reply(SOON).text
        group = llama.lm._group(request)
        assert len(told) == ticket.reply().tokens and all(len(top) == 3 for _, _, top in told)
        assert all(top[0][1] >= logprob for _, logprob, top in told) and text.startswith(told[0][0].rstrip("\ufffd"))
        if not request.sampling.temperature:
            assert all(top[0] == (token, pytest.approx(logprob)) for token, logprob, top in told)
        if group.rows and llama.lm.encoder.answer(text)[0] == tuple(ticket.group.writing.tokens):
            assert [logprob for _, logprob, _ in told] == pytest.approx(llama.lm.score([request], [text])[0].logprobs, abs=1e-3)
    assert continuous.submit(ask("Tell me")).logprobs == []
