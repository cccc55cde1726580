"""A server started and stopped: its socket first, so that a port that is taken is said at once, and its address when it answers."""

from __future__ import annotations

import contextlib
import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from idiolect.errors import DataError, EndpointError
from idiolect.models.lm import LM
from idiolect.models.vllm import VLLM
from idiolect.serve import gates, logs, traces, voices, watch
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.heard import Heard
from idiolect.serve.limits import Limits
from idiolect.serve.settings import Settings
from idiolect.store import Store
from idiolect.store.paging import Pages


class Announced(uvicorn.Server):
    """A server that says when it can be reached, and to which being told to stop is no failure."""

    def __init__(self, config: uvicorn.Config, say: Callable[[], None]) -> None:
        super().__init__(config)
        self._say = say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._say()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; a second Ctrl-C stops at once. Nothing is raised again afterwards."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def run(settings: Settings, store: Store, models: Sequence[tuple[str, LM]], say: Callable[[str], None]) -> None:
    """Serve until told to stop (SIGINT or SIGTERM): what is under way has `settings.grace` seconds, and what was acknowledged is kept.

    Raises DataError where the address cannot be taken, or others can reach it without a key.
    """
    gate = gates.gate_for(settings, store, Limits(settings.key_per_minute, settings.person_per_minute))
    bound, tracing = listening(settings), traces.opened(settings.traces)
    swept(store, [lm for _, lm in models])
    asked, specs = voices.opened(models, settings)
    gateway = Heard(settings, store, asked, specs)
    app = create(gateway, gate)
    if tracing is not None:
        watch.install(app, tracing.ended)
    address = f"http://{settings.host if ':' not in settings.host else f'[{settings.host}]'}:{bound.getsockname()[1]}"
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=int(settings.grace) + 1, server_header=False)
    handler = logs.start(settings.logs)
    try:
        Announced(config, lambda: told(address, gateway, say)).run(sockets=[bound])
    finally:
        logs.stop(handler)
        if tracing is not None:
            tracing.close()


def swept(store: Store, models: Sequence[LM]) -> None:
    """Have a vLLM let go of adapters that nobody in the store has any more: somebody was erased while no server ran."""
    for lm in models:
        if isinstance(lm, VLLM):
            with contextlib.suppress(EndpointError):  # it is not up yet: the folders are gone, and it unloads the rest when it is met
                lm.sweep(Pages(store._session).all_adapters())


def told(address: str, gateway: Gateway, say: Callable[[str], None]) -> None:
    """Say where the server is, and how to use it."""
    say(f"\nIdiolect answers at {address}")
    say(f"  pages    {address}/")
    say(f"  OpenAI   base_url={address}/v1, model={gateway.served(None).name}, user=WHOSE ANSWER IT IS")
    say("  stop     Ctrl-C\n")


def listening(settings: Settings) -> socket.socket:
    """The socket of a server. Raises DataError where its address cannot be taken."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: asyncio sends small answers at once only then
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
    except OSError as error:
        bound.close()
        raise DataError(
            f"{settings.host}:{settings.port} cannot be taken ({error.strerror}); choose another with --host and --port"
        ) from None
    bound.listen(2048)
    return bound
