"""What a gateway costs: idiolect serve, with a person's 1,000 records searched and quoted, beside LiteLLM's proxy.

    python benchmarks/gateway.py --litellm VENV/bin/litellm [--quick]

All three ask the same endpoint (stub.py), which answers at once: directly, through `idiolect serve --method rag` (20 people of 1,000
records; each request another's), and through the LiteLLM proxy, which personalizes nothing. Each gateway is one process on the last
core, the callers and the endpoint are on the first. Rounds in turn; medians.
VENV: python -m venv VENV && VENV/bin/pip install 'litellm[proxy]'
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
from rounds import tell
from stub import load, post

from idiolect.data.sample import sample
from idiolect.store import Store
from idiolect.types import Record

PEOPLE, RECORDS = 20, 1000
PORTS = {"directly": 8901, "idiolect serve": 8902, "LiteLLM proxy": 8903}
CONFIG = """model_list:
  - model_name: stub
    litellm_params: {model: openai/stub, api_base: "http://127.0.0.1:%d/v1", api_key: none}
litellm_settings: {telemetry: false, set_verbose: false}
general_settings: {disable_spend_logs: true}
"""


def filled(path: Path) -> None:
    """A store with people of made-up records, of the words of the bundled sample."""
    drawn = random.Random(0)
    words = sorted({word for user in sample() for record in user.records for word in f"{record.prompt} {record.answer}".split()})
    with Store(path) as store:
        for number in range(PEOPLE):
            texts = [(" ".join(drawn.choices(words, k=12)), " ".join(drawn.choices(words, k=10))) for _ in range(RECORDS)]
            store.add(f"person-{number}", [Record(prompt, answer, float(at)) for at, (prompt, answer) in enumerate(texts)])


@contextlib.contextmanager
def running(command: list[str], port: int, core: int, log: Path, ready: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server of its own process, on one core, once it answers."""
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "IDIOLECT_API_KEY": "none",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
    }
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out, env=env) as process:
        os.sched_setaffinity(process.pid, {core})
        try:
            until = time.monotonic() + 120
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    if httpx.get(f"http://127.0.0.1:{port}{ready}", timeout=2).status_code < 500:
                        break
                if time.monotonic() > until or process.poll() is not None:
                    raise RuntimeError(f"{command[0]} did not start:\n{log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.2)
            yield process
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def cpu(process: subprocess.Popen[bytes]) -> float:
    """Seconds of CPU that a process and its children have used."""
    total = 0
    for pid in [process.pid, *_children(process.pid)]:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def measured(processes: dict[str, subprocess.Popen[bytes]], callers: int, seconds: float, rounds: int) -> None:
    """Requests a second and latencies of every way, in turn."""
    ways = {name: _requests(name, port) for name, port in PORTS.items() if name in processes}
    seen: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, requests in ways.items():
            before, began = cpu(processes[name]), time.perf_counter()
            took = asyncio.run(load(PORTS[name], requests, callers, seconds))
            wall, used = time.perf_counter() - began, cpu(processes[name]) - before
            if turn:  # the first one warms up
                ordered = sorted(took)
                at99 = ordered[int(0.99 * (len(ordered) - 1))]
                seen[name].append((len(took) / wall, statistics.median(took), at99, used / len(took)))
    _told(seen, callers, rounds)


def _told(seen: dict[str, list[tuple[float, float, float, float]]], callers: int, rounds: int) -> None:
    mid = {name: [statistics.median(one[at] for one in own) for at in range(4)] for name, own in seen.items()}
    bare = mid["directly"]
    tell(f"\n{callers} callers ({rounds} rounds)")
    for name, (rate, p50, p99, used) in mid.items():
        added = f"; adds {1e3 * (p50 - bare[1]):6.2f} ms (p50), {1e3 * (p99 - bare[2]):6.2f} ms (p99)" if name != "directly" else ""
        tell(
            f"  {name:<16}{rate:8.0f} requests/s  p50 {1e3 * p50:7.2f} ms  p99 {1e3 * p99:7.2f} ms  {1e3 * used:6.2f} ms of CPU each{added}"
        )
    if "LiteLLM proxy" in mid:
        ours, peer = mid["idiolect serve"], mid["LiteLLM proxy"]
        pairs = zip(seen["idiolect serve"], seen["LiteLLM proxy"], strict=True)
        times = statistics.median(one[0] / other[0] for one, other in pairs)
        p50, p99 = ((ours[at] - bare[at]) / (peer[at] - bare[at]) for at in (1, 2))
        tell(f"  ours: {times:.1f} times the requests a second, {p50:.2f} of the latency added (p50), {p99:.2f} (p99)")


def _requests(name: str, port: int) -> list[bytes]:
    drawn = random.Random(1)
    words = sorted({word for user in sample() for record in user.records for word in record.prompt.split()})
    asked = []
    for number in range(5 * PEOPLE):
        question = " ".join(drawn.choices(words, k=14))
        body = {"model": "rag" if name == "idiolect serve" else "stub", "messages": [{"role": "user", "content": question}]}
        asked.append(post("/v1/chat/completions", f"127.0.0.1:{port}", {**body, "user": f"person-{number % PEOPLE}"}, "none"))
    return asked


def main() -> None:
    """Start all, and measure them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", help="the command of the LiteLLM proxy; left out: without it")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 32])
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        place = Path(folder)
        filled(place / "people.db")
        (place / "litellm.yaml").write_text(CONFIG % PORTS["directly"])
        url = f"http://127.0.0.1:{PORTS['directly']}/v1#stub"
        ours = [sys.executable, "-m", "idiolect", "serve", "--store", str(place / "people.db"), "--model", url, "--method", "rag"]
        commands = {
            "directly": ([sys.executable, str(Path(__file__).parent / "stub.py")], cores[0], "/v1/models"),
            "idiolect serve": ([*ours, "--port"], cores[-1], "/v1/models"),
        }
        if given.litellm:
            peer = [given.litellm, "--config", str(place / "litellm.yaml"), "--host", "127.0.0.1", "--num_workers", "1", "--port"]
            commands["LiteLLM proxy"] = (peer, cores[-1], "/health/liveliness")
        processes = {}
        for name, (command, core, ready) in commands.items():
            whole = [*command, str(PORTS[name])]
            processes[name] = stack.enter_context(running(whole, PORTS[name], core, place / f"{name}.log".replace(" ", "-"), ready))
        os.sched_setaffinity(0, {cores[0]})
        for callers in given.callers:
            measured(processes, callers, 2 if given.quick else 8, 2 if given.quick else 5)


if __name__ == "__main__":
    main()
