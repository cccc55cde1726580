"""`idiolect serve`: the gateway, its pages and the agents' door, in one process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from idiolect.cli import options, show
from idiolect.cli.opening import open_model
from idiolect.cli.people import opened
from idiolect.extras import need

if TYPE_CHECKING:
    from idiolect.store import Store

METRICS, LOGS = ("auto", "open", "operator", "off"), ("auto", "json", "text", "off")


def serve(
    store: options.StorePath = options.STORE,
    model: Annotated[list[str] | None, typer.Option(help="As in compare; may be given again. The first is asked by default.")] = None,
    method: Annotated[str, typer.Option(help="Who asks for none is answered by this one.")] = "long_term",
    host: Annotated[str, typer.Option(help="Another address than this machine's needs keys: `idiolect keys add`.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.")] = 8000,
    rows: Annotated[int, typer.Option(help="Answers under way at once.")] = 64,
    waiting: Annotated[int, typer.Option(help="Answers that may wait; beyond, callers are told to come again.")] = 256,
    timeout: Annotated[float, typer.Option(help="Seconds for one answer.")] = 120.0,
    fitted_with: Annotated[str, typer.Option(help="What `fit --model` called the model that an engine serves.")] = "",
    vllm_adapters: Annotated[Path | None, typer.Option(help="A folder that the vLLM at --model reads people's adapters from.")] = None,
    metrics: Annotated[str, typer.Option(help="Who reads /metrics: auto, open, operator or off.")] = "auto",
    logs: Annotated[str, typer.Option(help="A line a request on standard error: auto, json, text or off.")] = "auto",
    traces: Annotated[str, typer.Option(help="Where OpenTelemetry's spans are sent (OTLP over HTTP).")] = "",
    sample: Annotated[bool, typer.Option(help="Put the bundled sample's people into a new store.")] = True,
) -> None:
    """An OpenAI-compatible server that answers each `user` in their own way, with pages to see, correct and erase what it knows.

    Examples: idiolect serve · idiolect serve --model http://localhost:8080/v1#qwen --method rag
    """
    for library in ("fastapi", "uvicorn"):
        need(library, "idiolect serve")
    from idiolect.serve import running  # imported late: --help stays quick
    from idiolect.serve.settings import Settings

    names = tuple(model or ("tiny",))
    seen: dict[str, Any] = {"metrics": _one_of(metrics, METRICS, "--metrics"), "logs": _one_of(logs, LOGS, "--logs"), "traces": traces}
    bounds: dict[str, Any] = {"most_rows": rows, "most_waiting": waiting, "timeout": timeout, "fitted_with": fitted_with}
    settings = Settings(store=store, models=names, method=method, host=host, port=port, **bounds, **seen)
    fresh = "://" not in store and not Path(store).exists()
    kept = opened(store)
    if fresh and sample:
        _fill(kept, store)
    show.note(f"Opening {', '.join(names)} ...")
    running.run(settings, kept, [(name, open_model(name, vllm_adapters)) for name in names], show.say)


def _one_of(value: str, allowed: tuple[str, ...], option: str) -> str:
    if value not in allowed:
        raise typer.BadParameter(f"{option} is one of {', '.join(allowed)}, not {value!r}")
    return value


def _fill(kept: Store, store: str) -> None:
    """The sample's people, so that there is somebody to talk as."""
    from idiolect.data.sample import sample

    for user in sample():
        kept.add(user.id, user.records)
    show.note(
        f"{store} is new: the bundled sample's {len(kept.users())} invented people are in it. Start with --no-sample for an empty one."
    )
