"""What the routes call: people's requests bent off the event loop, and put to the models without blocking it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from idiolect import catalogue
from idiolect.assistant import Assistant, Kept, configured, reopened
from idiolect.errors import MethodError
from idiolect.models.lm import LM
from idiolect.models.speech import Voice
from idiolect.prompt import count
from idiolect.serve.desk import Desk
from idiolect.serve.fence import fenced, system
from idiolect.serve.settings import Settings
from idiolect.store import Store
from idiolect.types import Reply, Request

P = ParamSpec("P")
T = TypeVar("T")
Weights = Mapping[str, float]
UNFENCED = ("tiny",)  # the bundled model knows the wordings of its training alone, and obeys nobody
ASKING = (  # they put questions to the model themselves, before a fence can stand in them
    "best_of", "carm", "hydra", "maxmin_rlhf", "modular_pluralism", "more", "perse", "style_tot", "unims_rag", "vpl",
)  # fmt: skip
FRESH = 5.0  # seconds for which what `fit` kept is not looked up again


@dataclass(frozen=True, slots=True)
class Served:
    """What a model's name in a request means: a model, and a method."""

    model: str
    method: str

    @property
    def name(self) -> str:
        """As /v1/models lists it."""
        return f"{self.model}+{self.method}"


@dataclass(frozen=True, slots=True)
class Bent:
    """What is put to the model for a person, or the method's own reply; how many tokens of it are of the person."""

    request: Request | Reply
    newcomer: bool  # the store knows nothing of them
    personal: int
    learns: bool  # whether they let questions be kept as their words


class Gateway:
    """A store, models that can be asked without blocking (by the names they are served under), and the assistants made of them.

    `specs`: what each model is called in the store, as `--model` names it. What people set and allow is the desk's to say.
    """

    def __init__(self, settings: Settings, store: Store, voices: Mapping[str, Voice], specs: Mapping[str, str]) -> None:
        self.settings, self.store, self.voices = settings, store, dict(voices)
        self.specs = dict(specs)
        self.learnt = {name: settings.fitted_with or spec for name, spec in self.specs.items()}  # what `fit` called the model
        self._taught = {(one.method, one.config.get("model")) for one in store.taught()}
        self.desk = Desk(store)
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="idiolect")
        self._assistants: dict[Served, tuple[float, float, Assistant]] = {}  # when looked up, when fitted
        self._lock = threading.Lock()

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """`work` in a thread, with this task's context: whatever waits for a disk or a model must not stop the others."""
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: context.run(work, *args, **kwargs))

    def served(self, named: str | None, method: str | None = None) -> Served:
        """What a request's `model` means: "method", "model", "model+method", or nothing. Raises MethodError for what is not served."""
        model, chosen = self._split(named or "")
        chosen = method or chosen or self.settings.method
        if chosen not in self.methods(model):
            known = catalogue.row(chosen)  # raises MethodError, with the nearest name, for one that does not exist
            lacks = ", ".join(sorted(known.needs - self.voices[model].lm.can)) or "to ask it without a fence around what people wrote"
            raise MethodError(f"{chosen} needs {lacks}, which the model {model!r} cannot do here; /v1/models lists what is served")
        return Served(model, chosen)

    def _split(self, named: str) -> tuple[str, str]:
        if named in self.voices:
            return named, ""
        model, plus, method = named.rpartition("+")
        if plus and model in self.voices:
            return model, method
        if plus or (named and named not in catalogue.names()):
            raise MethodError(f"the model {named!r} is not served here; /v1/models lists those that are")
        return next(iter(self.voices)), named

    def methods(self, model: str) -> list[str]:
        """The names of the methods that a model can be asked by.

        One that trains also where the model cannot, if people were fitted by it elsewhere (`Settings.fitted_with`); one that asks the
        model in its own words only where nothing needs a fence.
        """
        can, fitted = self.voices[model].lm.can, {method for method, spec in self._taught if spec == self.learnt[model]}
        able = [row.name for row in catalogue.ROWS if row.needs - ({"train"} if row.name in fitted else set()) <= can]
        return [name for name in able if name not in ASKING or self.specs[model] in UNFENCED]

    def assistant(self, served: Served) -> Assistant:
        """The assistant of a model and a method, as the latest `fit` left it. May read the store: call it in a thread."""
        held = self._assistants.get(served)
        if held and time.monotonic() - held[0] < FRESH:
            return held[2]
        with self._lock:
            taught = self.store.taught()
            self._taught = {(one.method, one.config.get("model")) for one in taught}
            latest = next((one for one in reversed(taught) if self._is(served, one.method, one.config)), None)
            fitted = latest.created if latest else 0.0
            if held is None or held[1] != fitted:
                lm = self.voices[served.model].lm
                made = reopened(self.store, latest, lm, self.desk.view) if latest else self._fresh(served, lm)
            else:
                made = held[2]
            self._assistants[served] = time.monotonic(), fitted, made
            return made

    def _fresh(self, served: Served, lm: LM) -> Assistant:
        method = catalogue.load(served.method)
        return Assistant(lm, method, Kept(self.store, served.method, configured(self.learnt[served.model], method), self.desk.view))

    def _is(self, served: Served, method: str, config: Mapping[str, object]) -> bool:
        return (method, config.get("model")) == (served.method, self.learnt[served.model])

    async def bend(self, key: str, served: Served, request: Request, weights: Weights | None = None) -> Bent:
        """The request as it is put to the model for a person; `weights` stand in for what the person set."""
        return await self.run(self._bent, key, served, request, weights)

    def _bent(self, key: str, served: Served, request: Request, weights: Weights | None) -> Bent:
        lm, spec, sheet = self.voices[served.model].lm, self.specs[served.model], self.desk.of(key)
        known, learns = sheet.version is not None, sheet.wished.conversation
        if served.method == "plain" or not sheet.wished.allows_method(served.method):
            return Bent(request, not known, 0, learns)
        aims, sliders = self._aimed(served, weights or {})
        asked = self.desk.shape(sheet, request.weighing(aims) if aims else request, sliders)
        bent: Request | Reply = asked
        if known or aims:
            first = self.desk.told(sheet, asked, spec, getattr(lm, "window", None))
            bent = self.assistant(served).personalize([key], [first])[0]
        if spec not in UNFENCED:
            bent = fenced(asked, bent)
        if isinstance(bent, Reply):
            return Bent(bent, not known, 0, learns)
        more = len(bent.prefix.vectors) if bent.prefix else 0
        return Bent(bent, not known, more + max(0, count(lm, system(bent)) - count(lm, system(request))), learns)

    def _aimed(self, served: Served, weights: Weights) -> tuple[dict[str, float], dict[str, float]]:
        """Weights of what the method strives for, and the others, which are sliders."""
        known = getattr(self.assistant(served).method, "objectives", ()) if weights else ()
        return {n: w for n, w in weights.items() if n in known}, {n: w for n, w in weights.items() if n not in known}

    def assistants(self) -> list[Assistant]:
        """Those that were asked for so far."""
        return [held[2] for held in list(self._assistants.values())]

    def close(self) -> None:
        """Finish what threads are at, and close the store. The voices are closed before."""
        self._pool.shutdown(wait=True)
        self.store.close()
