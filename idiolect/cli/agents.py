"""`idiolect agents`: one person's memory for one agent, over standard input and output."""

from __future__ import annotations

from typing import Annotated

import typer

from idiolect.cli import options
from idiolect.cli.opening import open_model
from idiolect.cli.people import opened
from idiolect.extras import need


def agents(
    user: Annotated[str, typer.Option("--user", help="Whose memory it is. The agent reaches nobody else's.")],
    store: options.StorePath = options.STORE,
    model: options.Model = "tiny",
    method: options.MethodName = "long_term",
    application: Annotated[str, typer.Option(help="Of which application of a server the person is.")] = "",
    max_tokens: Annotated[int, typer.Option(help="Longest answer of the tool `ask`.")] = 256,
    logs: Annotated[str, typer.Option(help="What standard error is told: text, json or off.")] = "text",
) -> None:
    """Give an agent one person's memory: an MCP server on standard input and output, until the agent hangs up.

    In the agent's settings, the command of the server: idiolect agents --user ann --store FILE
    """
    if logs not in ("text", "json", "off"):
        raise typer.BadParameter(f"--logs is text, json or off, not {logs!r}")
    need("mcp", "idiolect agents")
    import anyio  # imported late: --help stays quick

    from idiolect.serve import agents as door
    from idiolect.serve import logs as logging
    from idiolect.serve.callers import Caller
    from idiolect.serve.settings import Settings

    lm = open_model(model)
    settings = Settings(store, (model,), method, max_tokens=max_tokens)
    handler = logging.start("json" if logs == "json" else "off" if logs == "off" else "text")
    try:
        kept = opened(store)
        anyio.run(door.talk, kept, (model, lm), settings, Caller(application, "person", user, "stdio"))
    finally:
        logging.stop(handler)
