"""A server started and stopped: its socket first, so that a port that is taken is said at once, and its address when it answers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence

import uvicorn

from idiolect.errors import DataError
from idiolect.models.lm import LM
from idiolect.serve import voices
from idiolect.serve.app import create
from idiolect.serve.gateway import Gateway
from idiolect.serve.settings import Settings
from idiolect.store import Store


class Announced(uvicorn.Server):
    """A server that says when it can be reached."""

    def __init__(self, config: uvicorn.Config, say: Callable[[], None]) -> None:
        super().__init__(config)
        self._say = say

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._say()


def run(settings: Settings, store: Store, models: Sequence[tuple[str, LM]], say: Callable[[str], None]) -> None:
    """Serve until told to stop (SIGINT or SIGTERM): what is under way has `settings.grace` seconds, and what was acknowledged is kept.

    Raises DataError where the address cannot be taken.
    """
    bound = listening(settings)
    asked, specs = voices.opened(models, settings)
    gateway = Gateway(settings, store, asked, specs)
    address = f"http://{settings.host if ':' not in settings.host else f'[{settings.host}]'}:{bound.getsockname()[1]}"
    config = uvicorn.Config(
        create(gateway), log_config=None, access_log=False, timeout_graceful_shutdown=int(settings.grace) + 1, server_header=False
    )
    Announced(config, lambda: told(address, gateway, say)).run(sockets=[bound])


def told(address: str, gateway: Gateway, say: Callable[[str], None]) -> None:
    """Say where the server is, and how to use it."""
    say(f"\nIdiolect answers at {address}")
    say(f"  pages    {address}/")
    say(f"  OpenAI   base_url={address}/v1, model={gateway.served(None).name}, user=WHOSE ANSWER IT IS")
    say("  stop     Ctrl-C\n")


def refuse_address(settings: Settings) -> None:
    """Raises DataError for an address that others can reach, where nobody would be asked for a key."""
    if not settings.local and settings.keys is False:
        raise DataError(f"{settings.host} can be reached by others, and there would be no keys: leave out --no-keys, or use 127.0.0.1")


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
