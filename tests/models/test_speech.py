"""Answers that take turns in threads: read whole or in pieces, timed out, let go of, and never more than may wait."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from idiolect.errors import ModelError
from idiolect.models.budget import Budgeted
from idiolect.models.scripted import ScriptedLM
from idiolect.models.speech import Busy, Stats, Threaded, TimedOut
from idiolect.types import Prefix, ask


def run(work):
    return asyncio.run(asyncio.wait_for(work, 20))


class Slow(ScriptedLM):
    """Says a word, then waits for `go`; knows whether its stream was closed."""

    def __init__(self):
        super().__init__()
        self.go, self.closed, self.most, self._now = threading.Event(), threading.Event(), 0, 0

    def generate(self, requests):
        self._now += 1
        self.most = max(self.most, self._now)
        self.go.wait(5)
        self._now -= 1
        return super().generate(requests)

    def stream(self, request):
        try:
            yield "first "
            self.go.wait(5)
            yield "second "
            yield "third"
        finally:
            self.closed.set()


async def heard(speech):
    return [piece async for piece in speech.apieces()]


def test_an_answer_is_read_whole_or_in_pieces_and_whole_after_its_pieces():
    async def work():
        voice = Threaded(ScriptedLM(lambda request: "one two three"))
        assert (await voice.submit(ask("?")).areply()).text == "one two three"
        speech = voice.submit(ask("what?"))
        assert await heard(speech) == ["one ", "two ", "three"]
        reply = await speech.areply()
        assert (reply.text, reply.finish, reply.prompt_tokens, reply.tokens) == ("one two three", "stop", 2, 4)  # bytes / 4
        again = voice.submit(ask("?"))
        await again.areply()
        assert await heard(again) == ["one two three"]
        assert voice.stats() == Stats(0, 0, 3 + 4 + 3)

    run(work())


def test_pieces_come_while_the_answer_is_made():
    async def work():
        lm = Slow()
        pieces = Threaded(lm).submit(ask("?")).apieces()
        assert await anext(pieces) == "first "
        lm.go.set()
        assert [piece async for piece in pieces] == ["second ", "third"]

    run(work())


@pytest.mark.parametrize("leave", ["cancel", "close"])
def test_who_leaves_half_way_closes_the_stream(leave):
    async def work():
        lm = Slow()
        voice = Threaded(lm)
        speech = voice.submit(ask("?"))
        pieces = speech.apieces()
        await anext(pieces)
        if leave == "cancel":
            speech.cancel()
            with pytest.raises(asyncio.CancelledError):
                await anext(pieces)
        else:
            await pieces.aclose()
        await asyncio.sleep(0.01)
        lm.go.set()
        assert await asyncio.to_thread(lm.closed.wait, 5)
        await asyncio.sleep(0)
        assert voice.stats() == Stats(0, 0, 0) and speech.text == "first "

    run(work())


def test_more_than_may_wait_are_told_to_come_again():
    async def work():
        lm = Slow()
        voice = Threaded(lm, most_running=2, most_waiting=3)
        waiting = [asyncio.ensure_future(voice.submit(ask(str(i))).areply()) for i in range(5)]
        await asyncio.sleep(0.05)
        assert voice.stats() == Stats(2, 3, 0)
        with pytest.raises(Busy, match="5 answers of scripted are asked for") as caught:
            voice.submit(ask("?"))
        assert caught.value.retry_after >= 1
        lm.go.set()
        assert [reply.text for reply in await asyncio.gather(*waiting)] == ["0", "1", "2", "3", "4"]
        assert lm.most == 2 and (await voice.submit(ask("?")).areply()).text == "?"

    run(work())


def test_a_place_is_taken_by_asking_and_given_back_by_who_never_reads():
    async def work():
        voice = Threaded(ScriptedLM(), most_running=1, most_waiting=0)
        speech = voice.submit(ask("?"))
        with pytest.raises(Busy):
            voice.submit(ask("?"))
        del speech
        speech = voice.submit(ask("?"))
        speech.cancel()
        with pytest.raises(asyncio.CancelledError):
            await speech.areply()
        assert voice.stats() == Stats(0, 0, 0)

    run(work())


def test_a_deadline_ends_an_answer_under_way_and_one_that_waits():
    async def work():
        lm = Slow()
        voice = Threaded(lm, most_running=1)
        under_way, waits = voice.submit(ask("?"), deadline=0.05), voice.submit(ask("?"), deadline=0.05)
        with pytest.raises(TimedOut, match=r"scripted had not answered when its 0.05 s were over: allow more time"):
            await heard(under_way)
        with pytest.raises(TimedOut):
            await waits.areply()
        lm.go.set()

    run(work())


def test_what_goes_wrong_is_raised_where_it_is_read():
    async def work():
        voice = Threaded(ScriptedLM([]))
        for read in (voice.submit(ask("?")).areply(), heard(voice.submit(ask("?")))):
            with pytest.raises(ModelError, match="the script of 'scripted' ended"):
                await read

    run(work())


def test_what_the_model_cannot_is_refused_when_it_is_asked():
    import numpy as np

    async def work():
        voice = Threaded(ScriptedLM())
        with pytest.raises(ModelError, match="needs prefix"):
            voice.submit(ask("?").bent(prefix=Prefix(np.zeros((1, 2), np.float32))))
        with pytest.raises(ModelError, match="how likely"):
            voice.submit(ask("?"), logprobs=3)
        assert voice.stats() == Stats(0, 0, 0)

    run(work())
    with pytest.raises(ModelError, match="out of range"):
        Threaded(ScriptedLM(), most_running=0)


def test_whoever_asked_pays():
    async def work():
        lm = Budgeted(ScriptedLM(lambda request: "one two"))
        voice = Threaded(lm)
        with lm.paid_by("ann"):
            whole, streamed = voice.submit(ask("?")), voice.submit(ask("?"))
        with lm.paid_by("ben"):
            await whole.areply()
            await heard(streamed)
        assert lm.spent("ann").calls == 2 and lm.spent("ben").calls == 0

    run(work())


def test_closing_takes_nothing_new_and_ends_what_is_under_way():
    async def work():
        lm = Slow()
        voice = Threaded(lm)
        waiting = asyncio.ensure_future(voice.submit(ask("?")).areply())
        unread = voice.submit(ask("?"))
        await asyncio.sleep(0.02)
        voice.close(5)  # on the loop's own thread, where one cannot wait
        with pytest.raises(Busy, match="being closed"):
            await waiting
        with pytest.raises(Busy, match="being closed"):
            voice.submit(ask("?"))
        with pytest.raises(Busy, match="being closed"):
            await unread.areply()
        lm.go.set()

    run(work())


@pytest.mark.parametrize("grace, kept", [(5, True), (0.05, False)])
def test_closing_from_another_thread_waits_for_what_is_under_way(grace, kept):
    async def work():
        lm = Slow()
        voice = Threaded(lm)
        waiting = asyncio.ensure_future(voice.submit(ask("still")).areply())
        await asyncio.sleep(0.02)
        with ThreadPoolExecutor(1) as pool:
            closing = asyncio.get_running_loop().run_in_executor(pool, voice.close, grace)
            await asyncio.sleep(0.1)
            lm.go.set()
            await closing
        if kept:
            assert (await waiting).text == "still"
        else:
            with pytest.raises(Busy, match="being closed"):
                await waiting

    run(work())


def test_the_event_loop_goes_on_while_a_model_thinks():
    async def work():
        lm, beats = Slow(), 0
        waiting = asyncio.ensure_future(Threaded(lm).submit(ask("?")).areply())
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            await asyncio.sleep(0.001)
            beats += 1
        assert beats > 5 and not waiting.done()
        lm.go.set()
        await waiting

    run(work())
