"""A model that vLLM serves, bent by people's adapters: each is loaded into the running server when it is first asked for.

The server must allow it: `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve MODEL --enable-lora --max-lora-rank 64`. What it was told
is lost when it restarts, so what is loaded, and from where, is known here.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from idiolect.errors import EndpointError, ModelError
from idiolect.models.endpoint import Refused
from idiolect.models.remote import RemoteLM, Template
from idiolect.models.shelf import PREFIX, Shares, Shelf, named, parts
from idiolect.models.turns import SOON, Busy
from idiolect.types import Request

LOAD, UNLOAD = "load_lora_adapter", "unload_lora_adapter"
FINAL = frozenset({500})  # what some versions say to an adapter that they cannot load, which another try does not change
FULL = re.compile(r"no free|slots|max_(cpu_)?loras", re.IGNORECASE)
START = "start it as VLLM_ALLOW_RUNTIME_LORA_UPDATING=True vllm serve MODEL --enable-lora"


class Forgotten(NamedTuple):
    """What `forget` did: folders that it destroyed, and adapters whose weights it replaced by zeros in the server's memory.

    Where fewer were replaced, a version of the server that cannot do it, or an adapter that it had been told to unload before,
    may stay in its cache, without a name, until others need the place (--max-cpu-loras) or it restarts.
    """

    folders: int
    replaced: int


@dataclass
class Entry:
    """An adapter that the server was told of: of which it is made (digests), by how many answers it is used, whether it is there."""

    made_of: frozenset[str]
    users: int = 0
    ready: bool = False


class VLLM(RemoteLM):
    """A `RemoteLM` whose requests may carry adapters: a mixture is made into one exactly, put on the `shelf` and loaded by its name.

    Of those that no answer uses, the one that was not asked for longest is unloaded when there are `most_loaded`. The server
    knows them by digests, not by people. Adapters must fit the server's model; the rank of a mixture is the sum of its parts'
    ranks, and must be within --max-lora-rank.
    """

    def __init__(
        self,
        url: str,
        model: str,
        shelf: Shelf,
        api_key: str | None = None,
        timeout: float = 120.0,
        concurrency: int = 8,
        scoring: Template | None = None,
        most_loaded: int = 64,
    ) -> None:
        super().__init__(url, model, api_key, timeout, concurrency=concurrency, scoring=scoring)
        if most_loaded < 1:
            raise ModelError(f"most_loaded must be 1 or more, not {most_loaded}")
        self.can = frozenset({"adapters"}) | self.can
        self.shelf, self.most_loaded = shelf, most_loaded
        self._loaded: OrderedDict[str, Entry] = OrderedDict()  # that which was asked for last at the end
        self._changed = threading.Condition()
        self._base = ""

    def hold(self, request: Request) -> str | None:
        """As of `RemoteLM`; None for an adapter that is not loaded, and for one whose digest must first be made."""
        shares = parts(request.adapters)
        if not shares:
            return self.model
        if not all("digest" in vars(adapter) for adapter, _ in shares):
            return None
        with self._changed:
            return self._taken(named(shares))

    def load(self, request: Request) -> str:
        """As of `RemoteLM`. Raises ModelError where the server cannot or may not load it, Busy where all places are in use for long."""
        shares = parts(request.adapters)
        if not shares:
            return self.model
        name = named(shares)
        with self._changed:
            while name in self._loaded:  # unless it is just being loaded or unloaded
                if taken := self._taken(name):
                    return taken
                self._changed.wait()
            self._loaded[name] = Entry(frozenset(adapter.digest for adapter, _ in shares), users=1)
        try:
            self._make_room()
            self._told(name, shares)
        except BaseException:
            self._left(name)
            raise
        with self._changed:
            self._loaded[name].ready = True
            self._changed.notify_all()
        return name

    def release(self, model: str) -> None:
        """As of `RemoteLM`."""
        if model != self.model:
            with self._changed:
                self._loaded[model].users -= 1
                self._changed.notify_all()

    def restore(self, request: Request, model: str) -> bool:
        """As of `RemoteLM`: an adapter that the server lost, since it was restarted, is loaded again."""
        if model == self.model:
            return False
        self._told(model, parts(request.adapters))
        return True

    def forget(self, adapter: str) -> Forgotten:
        """Destroy everything that the adapter of this digest is a part of, here and in the server; for erasing a person.

        Waits for answers that use it; where they go on for too long, it stays, and ModelError is raised. Raises EndpointError
        if the server does not answer: then the folders are gone, and the server unloads the rest when it is met again.
        """
        failed = self._unmet()
        with self._changed:
            loaded = {name for name, entry in self._loaded.items() if adapter in entry.made_of}
        return self._forgotten(loaded.union(self.shelf.holding(adapter)), failed)

    def sweep(self, keep: Collection[str]) -> Forgotten:
        """As `forget`, for all that has a part which is not in `keep`: what nobody owns any more. For when a store is opened."""
        self.shelf.tidy()
        failed = self._unmet()
        return self._forgotten(set(self.shelf.unowned(keep)), failed)

    def _taken(self, name: str) -> str | None:
        entry = self._loaded.get(name)
        if entry is None or not entry.ready:
            return None
        entry.users += 1
        self._loaded.move_to_end(name)
        return name

    def _left(self, name: str) -> None:
        with self._changed:
            self._loaded.pop(name, None)
            self._changed.notify_all()

    def _make_room(self) -> None:
        """Unload until there is a place for one that is being loaded."""
        while len(self._loaded) > self.most_loaded:
            if self._unload_oldest():
                continue
            with self._changed:
                waited = self._changed.wait_for(lambda: self._oldest() is not None, self.endpoint.timeout)
            if not waited:
                raise Busy(f"all {self.most_loaded} adapters of {self.name} are in use: ask again, or raise most_loaded", SOON)

    def _oldest(self) -> str | None:
        return next((name for name, entry in self._loaded.items() if entry.ready and not entry.users), None)

    def _unload_oldest(self) -> bool:
        """Whether there was one that nobody uses."""
        with self._changed:
            name = self._oldest()
            if name is None:
                return False
            self._loaded[name].ready = False
        try:
            self._unload(name)
        finally:
            self._left(name)
        return True

    def _told(self, name: str, shares: Shares) -> None:
        """Have the server load this one, from a folder that is there."""
        self.shelf.put(name, shares, self._meet())
        self._ask_to_load(name)
        for surplus in self.shelf.surplus():
            with self._changed:
                if surplus in self._loaded:
                    continue
                self._loaded[surplus] = Entry(frozenset())  # so that nobody loads it meanwhile
            try:
                self.shelf.destroy(surplus)
            finally:
                self._left(surplus)

    def _ask_to_load(self, name: str) -> None:
        while True:
            try:
                self.endpoint.text(LOAD, {"lora_name": name, "lora_path": self.shelf.path(name)}, FINAL)
                return
            except Refused as refused:
                if "already been loaded" in refused.said:
                    return
                if not (FULL.search(refused.said) and self._unload_oldest()):
                    raise self._not_loaded(name, refused) from None

    def _not_loaded(self, name: str, refused: Refused) -> EndpointError:
        said = self.endpoint.quoted(refused.said)
        if refused.status in (404, 405) and not re.search("lora|adapter", refused.said, re.IGNORECASE):
            return EndpointError(f"{self.endpoint.url} does not load adapters while it runs (it said {refused.status}: {said}): {START}")
        if refused.status == 404:
            where = f"{self.endpoint.url} does not find the adapter in {self.shelf.path(name)} (it said {said})"
            return EndpointError(f"{where}: it must be able to read that folder, under that path and as a user who may")
        hint = "; start it with a greater --max-lora-rank" if "rank" in refused.said else ""
        return EndpointError(f"{self.endpoint.url} could not load the adapter {name}: {said}{hint}")

    def _unload(self, name: str) -> None:
        """Have the server forget a name. That it does not know it, or holds nothing under it, is as good."""
        try:
            self.endpoint.text(UNLOAD, {"lora_name": name}, FINAL)
        except Refused as refused:
            if refused.status not in (400, 404, 500):
                raise

    def _meet(self) -> str:
        """What the server's model is called where it comes from. At the first time, what it has from our shelf is taken up."""
        if self._base:
            return self._base
        cards = self.endpoint.ask("models")
        with self.endpoint.understood(cards):
            roots = {str(card["id"]): str(card.get("root") or card["id"]) for card in cards["data"]}
        if self.model not in roots:
            there = ", ".join(name for name in roots if not name.startswith(PREFIX))
            raise EndpointError(f"{self.endpoint.url} serves no model {self.model!r}; it serves {there or 'none'}")
        for name in [name for name, root in roots.items() if name.startswith(PREFIX) and root == self.shelf.path(name)]:
            if made_of := self.shelf.made_of(name):
                with self._changed:
                    self._loaded.setdefault(name, Entry(made_of, ready=True))
            else:  # its folder was destroyed while the server could not be told
                self._unload(name)
        self._base = roots[self.model]
        return self._base

    def _unmet(self) -> ModelError | None:
        try:
            self._meet()
        except ModelError as error:
            return error
        return None

    def _forgotten(self, names: Collection[str], failed: ModelError | None) -> Forgotten:
        folders = replaced = 0
        for name in sorted(names):
            with self._changed:
                loaded = name in self._loaded
            if not self._shut(name):
                failed = ModelError(f"the adapter {name} is still used by an answer after {self.endpoint.timeout:g} s: forget it again")
                continue
            try:
                replaced += loaded and failed is None and self._emptied(name)
            except ModelError as error:
                failed = error
            finally:
                folders += self.shelf.destroy(name)
                self._left(name)
        if failed is not None:
            raise failed
        return Forgotten(folders, replaced)

    def _shut(self, name: str) -> bool:
        """Whether nobody uses this one before the time is over; from then on nobody can."""
        with self._changed:
            quiet = self._changed.wait_for(lambda: not (entry := self._loaded.get(name)) or not entry.users, self.endpoint.timeout)
            if quiet:
                self._loaded.setdefault(name, Entry(frozenset())).ready = False
            return quiet

    def _emptied(self, name: str) -> bool:
        """Unload this one; whether its weights in the server were replaced before, which not every version's unloading sees to."""
        zeros = self.shelf.blank(name)
        try:
            if zeros is None:
                return False
            self.endpoint.text(LOAD, {"lora_name": name, "lora_path": self.shelf.path(zeros), "load_inplace": True}, FINAL)
            return True
        except Refused:
            return False
        finally:
            if zeros is not None:
                self.shelf.destroy(zeros)
            self._unload(name)


def open_vllm(url: str, name: str, folder: str | Path, seen_as: str | None = None, api_key: str | None = None) -> VLLM:
    """The model `name` of the vLLM at `url`, with adapters in `folder`, which the server sees as `seen_as` (None: under the same path)."""
    return VLLM(url, name, Shelf(folder, seen_as=seen_as), api_key)
