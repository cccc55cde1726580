"""People's adapters in a server that speaks vLLM's protocol, over real HTTP: loaded once, lost and loaded again, erased."""

import asyncio
import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from idiolect.errors import EndpointError, ModelError
from idiolect.models import algebra, endpoint
from idiolect.models.asking import Asking
from idiolect.models.remote import plain_text
from idiolect.models.shelf import PREFIX, Shelf
from idiolect.models.vllm import VLLM, Forgotten, open_vllm
from idiolect.types import Adapter, Prefix, ask
from tests.models.loopback_vllm import VLLMDouble


def adapter(seed, rank=2, scale=0.5, paths=("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj")):
    random = np.random.default_rng(seed)
    return Adapter(
        {path: (random.normal(size=(rank, 6)).astype("f4"), random.normal(size=(4, rank)).astype("f4")) for path in paths},
        scale,
        f"person {seed}",
    )


def bent(*shares):
    return ask("?").bent(adapters=dict(shares))


def size(*shares):
    """What the server says of itself under these adapters: how much they change, computed without it."""
    paths = {path for one, _ in shares for path in one.modules}
    return (
        f"{sum(np.abs(sum(share * algebra.delta(one, path) for one, share in shares if path in one.modules)).sum() for path in paths):.4f}"
    )


@pytest.fixture
def make(monkeypatch):
    """A server, closed afterwards."""
    for name in ("IDIOLECT_API_KEY", "OPENAI_API_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(endpoint, "FIRST_WAIT", 0.01)
    made = []

    def one(**settings):
        made.append(VLLMDouble(**settings))
        return made[-1]

    yield one
    for server in made:
        server.close()


@pytest.fixture
def server(make):
    return make()


@pytest.fixture
def lm(server, tmp_path):
    return VLLM(server.url, "base", Shelf(tmp_path / "shelf"), timeout=5)


def said(lm, *shares):
    return lm.generate([bent(*shares)])[0].text


def spoken(lm, requests, streaming=True):
    """What a voice for `lm` says to all of them at once."""

    async def one(voice, request):
        speech = voice.submit(request)
        return "".join([piece async for piece in speech.apieces()]) if streaming else (await speech.areply()).text

    async def work():
        voice = Asking(lm)
        try:
            return await asyncio.gather(*(one(voice, request) for request in requests))
        finally:
            voice.close(0)
            await asyncio.sleep(0.01)

    return asyncio.run(asyncio.wait_for(work(), 30))


def test_it_can_adapters_and_with_a_template_scores(server, tmp_path):
    assert open_vllm(server.url, "base", tmp_path).can == {"adapters"}
    lm = VLLM(server.url, "base", Shelf(tmp_path), scoring=plain_text)
    assert lm.can == {"adapters", "logprobs"} and server.calls == [] and not list(tmp_path.iterdir())
    with pytest.raises(ModelError, match="needs prefix"):
        lm.generate([ask("?").bent(prefix=Prefix(np.zeros((1, 2), np.float32)))])
    (score,) = lm.score([bent((adapter(1), 1.0))], ["ab"])
    assert score.logprobs == pytest.approx((-float(size((adapter(1), 1.0))),) * 2, abs=1e-3)


def test_a_request_without_adapters_asks_the_model_as_it_is(lm, server):
    assert lm.generate([ask("?")])[0].text == "0.0000"
    assert said(lm, (adapter(1), 0.0)) == "0.0000"  # a share of nothing changes nothing
    assert server.calls == [] and server.asked == ["base", "base"]


def test_everybody_is_answered_by_their_own_adapter_which_is_loaded_once(lm, server):
    ann, ben = adapter(1), adapter(2)
    for _ in range(3):
        assert said(lm, (ann, 1.0)) == size((ann, 1.0)) != said(lm, (ben, 1.0)) == size((ben, 1.0))
    assert [job for job, _ in server.calls] == ["load", "load"]
    assert list(lm.stream(bent((ann, 1.0)))) == [size((ann, 1.0))] and spoken(lm, [bent((ben, 1.0))]) == [size((ben, 1.0))]
    assert len(server.calls) == 2


@pytest.mark.parametrize("shares", [[(1, 0.5)], [(1, 0.7), (2, 0.3)], [(1, 1.0), (2, -0.5), (3, 2.0)]])
def test_a_mixture_is_exact_and_one_whatever_its_order(lm, server, shares):
    parts = [(adapter(seed, rank=seed, scale=seed / 2), share) for seed, share in shares]
    assert said(lm, *parts) == said(lm, *parts[::-1]) == size(*parts)
    assert len(server.calls) == 1


def test_adapters_of_different_modules_and_ranks_are_mixed(lm):
    one = adapter(1, rank=1, paths=("model.layers.0.self_attn.q_proj",))
    parts = ((one, 2.0), (adapter(2, rank=3), 0.5))
    assert said(lm, *parts) == size(*parts)


def test_files_are_whole_private_and_name_nobody(lm, server, tmp_path):
    said(lm, (adapter(1), 1.0))
    (place,) = (tmp_path / "shelf").iterdir()
    assert place.name == PREFIX + adapter(1).digest and server.loras == {place.name: str(place)}
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert '"base_model_name_or_path": "org/base-7b"' in (place / "adapter_config.json").read_text()
    written = b"".join(path.read_bytes() for path in place.iterdir())
    assert b"person" not in written and b"person" not in str(server.calls).encode()


def test_equal_adapters_are_written_once(lm, tmp_path):
    said(lm, (adapter(1), 1.0))
    (place,) = (tmp_path / "shelf").iterdir()
    before = (place / "adapter_model.safetensors").stat().st_mtime_ns
    lm._loaded.clear()
    said(lm, (adapter(1), 1.0))
    assert (place / "adapter_model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("ask_through", ["threads", "an event loop"])
def test_many_first_uses_at_once_load_once(server, tmp_path, ask_through):
    server.slow = 0.05
    lm = VLLM(server.url, "base", Shelf(tmp_path), concurrency=16)
    requests = [bent((adapter(seed), 1.0)) for seed in (1, 2)] * 8
    texts = [reply.text for reply in lm.generate(requests)] if ask_through == "threads" else spoken(lm, requests, streaming=False)
    assert texts == [size(*request.adapters) for request in requests]
    assert sorted(server.calls) == sorted(("load", PREFIX + adapter(seed).digest) for seed in (1, 2))


@pytest.mark.parametrize("ask_through", ["threads", "an event loop"])
def test_the_one_not_asked_for_longest_makes_room(server, tmp_path, ask_through):
    lm = VLLM(server.url, "base", Shelf(tmp_path), most_loaded=2)
    for seed in (1, 2, 1, 3):
        said(lm, (adapter(seed), 1.0)) if ask_through == "threads" else spoken(lm, [bent((adapter(seed), 1.0))])
    assert server.calls[-2:] == [("unload", PREFIX + adapter(2).digest), ("load", PREFIX + adapter(3).digest)]
    assert set(server.loras) == {PREFIX + adapter(seed).digest for seed in (1, 3)}
    assert said(lm, (adapter(2), 1.0)) == size((adapter(2), 1.0))


def test_after_a_restart_there_is_room_for_others(server, tmp_path):
    lm = VLLM(server.url, "base", Shelf(tmp_path), most_loaded=1)
    said(lm, (adapter(1), 1.0))
    server.restart()
    assert said(lm, (adapter(2), 1.0)) == size((adapter(2), 1.0))


def test_one_that_is_in_use_is_not_unloaded(server, tmp_path):
    lm, begun, go = VLLM(server.url, "base", Shelf(tmp_path), timeout=0.2, most_loaded=1), threading.Event(), threading.Event()
    server.before = lambda handler, body: (begun.set(), go.wait(5), False)[-1] if body["model"].startswith(PREFIX) else False
    with ThreadPoolExecutor(1) as pool:
        lm.endpoint._client.timeout = 5
        first = pool.submit(said, lm, (adapter(1), 1.0))
        begun.wait(5)
        with pytest.raises(ModelError, match="all 1 adapters of base at .* are in use: ask again"):
            said(lm, (adapter(2), 1.0))
        assert [job for job, _ in server.calls] == ["load"]
        go.set()
        assert first.result() == size((adapter(1), 1.0))
    assert said(lm, (adapter(2), 1.0)) == size((adapter(2), 1.0))


def test_a_server_without_a_free_slot_is_made_room_in(make, tmp_path):
    server = make(slots=1)
    lm = VLLM(server.url, "base", Shelf(tmp_path))
    for seed in (1, 2, 1):
        assert said(lm, (adapter(seed), 1.0)) == size((adapter(seed), 1.0))
    assert len(server.loras) == 1


@pytest.mark.parametrize("how", ["generate", "stream", "a voice's stream", "a voice's reply"])
def test_what_a_restart_lost_is_loaded_and_asked_for_again_once(lm, server, how):
    ann = bent((adapter(1), 1.0))
    said(lm, *ann.adapters)
    server.restart()
    ways = {
        "generate": lambda: lm.generate([ann])[0].text,
        "stream": lambda: "".join(lm.stream(ann)),
        "a voice's stream": lambda: spoken(lm, [ann])[0],
        "a voice's reply": lambda: spoken(lm, [ann], streaming=False)[0],
    }
    assert ways[how]() == size(*ann.adapters)
    assert [job for job, _ in server.calls] == ["load", "load"] and len(server.asked) == 3


def test_a_server_that_goes_on_forgetting_is_not_asked_for_ever(lm, server):
    server.before = lambda handler, body: server.restart()
    with pytest.raises(EndpointError, match=r"said 404: .*does not exist"):
        said(lm, (adapter(1), 1.0))
    assert len(server.asked) == 2


def test_a_restart_in_between_of_many_is_survived(server, tmp_path):
    lm = VLLM(server.url, "base", Shelf(tmp_path), concurrency=8)
    requests = [bent((adapter(i % 5), 1.0)) for i in range(60)]
    restarts = iter([False] * 30 + [True] + [False] * 1000)
    server.before = lambda handler, body: server.restart() if next(restarts) else None
    assert [reply.text for reply in lm.generate(requests)] == [size(*request.adapters) for request in requests]


def test_what_another_process_loaded_is_taken_up(server, tmp_path):
    said(VLLM(server.url, "base", Shelf(tmp_path)), (adapter(1), 1.0))
    lm = VLLM(server.url, "base", Shelf(tmp_path), most_loaded=1)
    assert said(lm, (adapter(1), 1.0)) == size((adapter(1), 1.0))  # "has already been loaded" is what was wanted
    said(lm, (adapter(2), 1.0))
    assert list(server.loras) == [PREFIX + adapter(2).digest]


def test_servers_that_do_not_load_while_they_run_are_told_of_with_the_way_out(make, tmp_path):
    lm = VLLM(make(runtime=False).url, "base", Shelf(tmp_path))
    with pytest.raises(
        ModelError, match=r"does not load adapters while it runs.*VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve MODEL --enable-lora"
    ):
        said(lm, (adapter(1), 1.0))
    assert lm.generate([ask("?")])[0].text == "0.0000"


def test_what_the_server_cannot_load_is_told_and_not_tried_again(make, tmp_path):
    server = make(max_lora_rank=3)
    lm = VLLM(server.url, "base", Shelf(tmp_path))
    with pytest.raises(EndpointError, match=r"LoRA rank 4 is greater than max_lora_rank 3.*start it with a greater --max-lora-rank"):
        said(lm, (adapter(1), 0.5), (adapter(2), 0.5))
    assert len(server.calls) == 1
    assert said(lm, (adapter(1), 1.0)) == size((adapter(1), 1.0))


def test_a_folder_that_the_server_does_not_see_is_told(server, tmp_path):
    with pytest.raises(EndpointError, match=r"does not find the adapter in /mnt/adapters/idiolect-\w+ .*must be able to read that folder"):
        said(VLLM(server.url, "base", Shelf(tmp_path, seen_as="/mnt/adapters")), (adapter(1), 1.0))
    os.symlink(tmp_path, tmp_path / "mounted")
    lm = open_vllm(server.url, "base", tmp_path, seen_as=str(tmp_path / "mounted"))
    assert said(lm, (adapter(1), 1.0)) == size((adapter(1), 1.0)) and str(tmp_path / "mounted") in next(iter(server.loras.values()))


def test_a_model_that_is_not_served_is_told_with_those_that_are(server, tmp_path):
    with pytest.raises(EndpointError, match="serves no model 'bass'; it serves base"):
        said(open_vllm(server.url, "bass", tmp_path), (adapter(1), 1.0))


def test_a_bottleneck_is_refused_and_leaves_nothing(lm, server):
    behind = Adapter({"model.layers.0.mlp.down_proj": (np.ones((2, 33), "f4"), np.ones((32, 2), "f4"))}, 1.0, "ann's", "relu")
    with pytest.raises(ModelError, match="bottleneck"):
        said(lm, (behind, 1.0))
    assert server.calls == [] and not list(lm.shelf._places()) and not lm._loaded


@pytest.mark.parametrize("versions, replaced", [({}, 2), ({"inplace": False}, 0), ({"inplace": False, "drops": True}, 0)])
def test_what_is_forgotten_is_gone_from_the_disk_and_the_server(make, tmp_path, versions, replaced):
    server = make(**versions)
    lm = VLLM(server.url, "base", Shelf(tmp_path))
    ann, ben = adapter(1), adapter(2)
    for shares in ([(ann, 1.0)], [(ben, 1.0)], [(ann, 0.5), (ben, 0.5)]):
        said(lm, *shares)
    assert lm.forget(ann.digest) == Forgotten(2, replaced)
    assert [path.name for path in tmp_path.iterdir()] == [PREFIX + ben.digest] == list(server.loras)
    of_ann = [made for name, made in server.memory.items() if name != PREFIX + ben.digest]
    still = any(np.any(change) for made in of_ann for change in made.values())
    assert still == (versions == {"inplace": False})  # which is why it says that it replaced nothing
    assert lm.forget(ann.digest) == Forgotten(0, 0) and said(lm, (ben, 1.0)) == size((ben, 1.0))


def test_what_is_in_use_is_forgotten_when_its_answer_is_done(lm, server):
    begun, go = threading.Event(), threading.Event()
    server.before = lambda handler, body: (begun.set(), go.wait(5), False)[-1]
    with ThreadPoolExecutor(2) as pool:
        answer = pool.submit(said, lm, (adapter(1), 1.0))
        begun.wait(5)
        forgotten = pool.submit(lm.forget, adapter(1).digest)
        time.sleep(0.05)
        assert not forgotten.done() and list(lm.shelf._places())
        go.set()
        assert answer.result() == size((adapter(1), 1.0)) and forgotten.result() == Forgotten(1, 1)
    assert not list(lm.shelf.folder.iterdir()) and server.loras == {}


def test_what_is_erased_while_the_server_is_away_is_unloaded_when_it_is_met_again(server, tmp_path):
    said(VLLM(server.url, "base", Shelf(tmp_path)), (adapter(1), 1.0))
    with pytest.raises(EndpointError, match="gave no answer"):
        VLLM("http://127.0.0.1:9", "base", Shelf(tmp_path), timeout=0.2).forget(adapter(1).digest)
    assert not list(tmp_path.iterdir()) and len(server.loras) == 1
    VLLM(server.url, "base", Shelf(tmp_path)).sweep(())
    assert server.loras == {}


def test_sweeping_takes_what_nobody_owns_and_nothing_that_is_not_ours(lm, server, tmp_path):
    for shares in ([(adapter(1), 1.0)], [(adapter(2), 1.0)], [(adapter(1), 0.5), (adapter(2), 0.5)]):
        said(lm, *shares)
    shelf = tmp_path / "shelf"
    (shelf / "somebody-else").mkdir()
    (shelf / f".{PREFIX}half-written").mkdir()
    os.utime(shelf / f".{PREFIX}half-written", (0, 0))
    (shelf / f".{PREFIX}being-written").mkdir()
    assert VLLM(server.url, "base", Shelf(shelf)).sweep({adapter(2).digest}).folders == 2
    assert sorted(path.name for path in shelf.iterdir()) == [f".{PREFIX}being-written", PREFIX + adapter(2).digest, "somebody-else"]
    assert list(server.loras) == [PREFIX + adapter(2).digest]


def test_the_shelf_does_not_grow_for_ever(server, tmp_path):
    lm = VLLM(server.url, "base", Shelf(tmp_path, most=3), most_loaded=2)
    for seed in range(6):
        said(lm, (adapter(seed), 1.0))
        place = tmp_path / (PREFIX + adapter(seed).digest)
        os.utime(place, (seed, seed))
    said(lm, (adapter(6), 1.0))
    assert {path.name for path in tmp_path.iterdir()} == {PREFIX + adapter(seed).digest for seed in (4, 5, 6)}


def test_what_is_destroyed_is_overwritten_first(tmp_path):
    shelf = Shelf(tmp_path)
    shelf.put("idiolect-x", ((adapter(1), 1.0),), "base")
    os.link(tmp_path / "idiolect-x" / "adapter_model.safetensors", tmp_path / "witness")
    assert shelf.destroy("idiolect-x") and not shelf.destroy("idiolect-x")
    assert not any((tmp_path / "witness").read_bytes())


def test_who_leaves_while_an_adapter_is_loaded_does_not_keep_it_in_use(server, tmp_path):
    server.slow = 0.1
    lm = VLLM(server.url, "base", Shelf(tmp_path))

    async def work():
        voice = Asking(lm)
        with pytest.raises(ModelError, match="allow more time"):
            await voice.submit(bent((adapter(1), 1.0)), deadline=0.02).areply()
        await asyncio.sleep(0.3)
        voice.close(0)

    asyncio.run(asyncio.wait_for(work(), 10))
    assert [entry.users for entry in lm._loaded.values()] == [0]
