"""Every method on one page: strings only, so that listing them imports none of them."""

from __future__ import annotations

import difflib
import importlib
from dataclasses import dataclass, fields
from typing import Any, Literal

from idiolect.errors import MethodError, MissingExtra
from idiolect.extras import EXTRA, need
from idiolect.method import Method

Level = Literal["input", "model", "objective", "inference"]

LEVELS: dict[Level, str] = {  # where the person comes in
    "input": "the person stands in the text before the question",
    "model": "the person stands in weights or vectors of their own",
    "objective": "what the person prefers decides which answer is given",
    "inference": "the person moves activations or probabilities while the answer is written",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One method: its name, its class as "module:Class" inside the package, what it does, and what a model must be able to do for it."""

    name: str
    place: str
    level: Level
    what: str
    paper: str
    needs: frozenset[str] = frozenset()

    @property
    def module(self) -> str:
        """The module's full name."""
        return f"idiolect.{self.place.partition(':')[0]}"

    @property
    def cls(self) -> str:
        """The class's name: the paper's own spelling."""
        return self.place.partition(":")[2]


def _row(name: str, place: str, level: Level, what: str, paper: str, needs: str = "") -> Row:
    return Row(name, place, level, what, paper, frozenset(needs.split()))


ROWS = (
    _row("plain", "prompting.plain:Plain", "input", "the model without the person: the yardstick",
         "Salemi et al., LaMP, ACL 2024, arXiv:2304.11406"),
    _row("rag", "prompting.rag:RAG", "input", "quotes the records nearest to the question",
         "Salemi et al., LaMP, ACL 2024, arXiv:2304.11406"),
    _row("pag", "prompting.pag:PAG", "input", "a summary written by the model, and a few records",
         "Richardson et al., 2023, arXiv:2310.20081"),
    _row("stats_profile", "prompting.stats_profile:StatsProfile", "input", "a profile counted from the person's texts, without a model",
         "after Richardson et al., 2023, arXiv:2310.20081"),
    _row("soft_prompt", "adaptation.soft_prompt:SoftPrompt", "model", "a few learnt vectors of the person's own before the text",
         "Lester et al., EMNLP 2021, arXiv:2104.08691; Li et al., 2024, arXiv:2402.05133", "prefix train"),
    _row("oppu", "adaptation.oppu:OPPU", "model", "one LoRA adapter a person, over one for the task",
         "Tan et al., EMNLP 2024, arXiv:2402.04401", "adapters train"),
    _row("one4all", "adaptation.one4all:One4All", "model", "one LoRA adapter for everybody, which learns to use quoted records",
         "Clarke et al., PEFT-U, 2024, arXiv:2407.18078", "adapters train"),
    _row("plum", "adaptation.plum:PLUM", "model", "one LoRA adapter a person, taught by questions about past conversations",
         "Magister et al., L2M2 2025, arXiv:2411.13405", "adapters train"),
    _row("style_remix", "adaptation.style_remix:StyleRemix", "model", "adapters for poles of style, mixed in the person's shares, searched",
         "Fisher et al., EMNLP 2024, arXiv:2408.15666", "adapters train logprobs"),
    _row("p_tailor", "adaptation.p_tailor:PTailor", "model", "LoRA experts that traits share, mixed by the traits a person shows",
         "Dan et al., P-React, Findings of ACL 2025, arXiv:2406.12548", "adapters train"),
    _row("lora_xs", "adaptation.lora_xs:LoRAXS", "model", "a few numbers a person between fixed factors of the model's weights",
         "Bałazy et al., 2024, arXiv:2405.17604; Clarke et al., PEFT-U, 2024, arXiv:2407.18078", "adapters train"),
    _row("per_pcs", "adaptation.per_pcs:PerPcs", "model", "an adapter put together of pieces that other people share, without training",
         "Tan et al., EMNLP 2024, arXiv:2406.10471", "adapters train"),
    _row("plora", "adaptation.plora:PLoRA", "model", "one LoRA adapter for everybody, with a few numbers of the person's own inside",
         "Zhang et al., AAAI 2024, arXiv:2403.06208", "adapters steering train"),
    _row("fdlora", "adaptation.fdlora:FDLoRA", "model", "one LoRA adapter a person and one learnt without sharing records, fused",
         "Qi et al., 2024, arXiv:2406.07925", "adapters train logprobs"),
    _row("proper", "adaptation.proper:PROPER", "model", "LoRA adapters for everybody, for groups of people and for each person, in stages",
         "Zhang et al., ACL 2025, arXiv:2503.01303", "adapters train"),
    _row("pplug", "adaptation.pplug:PPlug", "model", "one vector before the text, a mean of the person's records weighted by what is asked",
         "Liu et al., 2024, arXiv:2409.11901", "prefix train"),
    _row("persoma", "adaptation.persoma:PERSOMA", "model", "the person's records resampled into a few vectors before the text",
         "Hebert et al., 2024, arXiv:2408.00960", "prefix train"),
    _row("uem", "adaptation.uem:UEM", "model", "one vector before the text for each of the person's records",
         "Doddapaneni et al., PERSONALIZE 2024, arXiv:2401.04858", "prefix train"),
    _row("profile_to_adapter", "adaptation.profile_to_adapter:ProfileToAdapter", "model", "an adapter written from the person's records",
         "after Ha et al., HyperNetworks, ICLR 2017, arXiv:1609.09106", "adapters train"),
    _row("style_vector", "steering.style_vector:StyleVector", "inference", "a vector from the model's way of writing to the person's",
         "Zhang et al., ACL 2025, arXiv:2503.05213", "steering logprobs"),
    _row("cos", "steering.cos:CoS", "inference", "what the person's records change in the next word, amplified",
         "He et al., ICLR 2025, arXiv:2405.01768", "guide"),
    _row("cache_lm", "steering.cache_lm:CacheLM", "inference", "the person's words, remembered token by token, vote for the next one",
         "our own, after Khandelwal et al., ICLR 2020, arXiv:1911.00172", "memory"),
    _row("best_of", "alignment.best_of:BestOf", "objective", "of several answers, the one this person would most likely have written",
         "Stiennon et al., NeurIPS 2020, arXiv:2009.01325", "logprobs"),
    _row("hydra", "alignment.hydra:HYDRA", "objective", "chooses what to quote and which answer to give, by scorers with a head a person",
         "Zhuang et al., NeurIPS 2024, arXiv:2406.02888"),
)  # fmt: skip


USUAL = ("plain", "rag", "pag", "stats_profile", "soft_prompt", "oppu", "one4all", "style_vector", "cos", "best_of")
"""A few well-known methods of each level: what is compared in a few minutes where nobody says otherwise."""


def names() -> tuple[str, ...]:
    """The methods' names, in the catalogue's order."""
    return tuple(row.name for row in ROWS)


def row(name: str) -> Row:
    """The row of a method. Raises MethodError with the nearest name for a wrong one."""
    for one in ROWS:
        if one.name == name:
            return one
    raise MethodError(f"there is no method {name!r}{_nearest(name, names())}; the methods are {', '.join(names())}")


def load(name: str, **config: Any) -> Method:
    """The method of this name, made with these keywords. Imports its file.

    Raises MethodError for a name or a keyword that does not exist, MissingExtra where a library is not installed.
    """
    found = row(name)
    made: type[Method] = getattr(_module(found), found.cls)
    known = tuple(field.name for field in fields(made))  # type: ignore[arg-type]  # every method is a dataclass: the tests see to it
    for keyword in config:
        if keyword not in known:
            raise MethodError(f"{found.cls} has no setting {keyword!r}{_nearest(keyword, known)}; it has {', '.join(known) or 'none'}")
    return made(**config)


def able(can: frozenset[str]) -> tuple[str, ...]:
    """The names of the methods that a model can run which `can` do these things."""
    return tuple(one.name for one in ROWS if one.needs <= can)


def _module(found: Row) -> Any:
    try:
        return importlib.import_module(found.module)
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in EXTRA:
            raise
        need(library, found.cls)
        raise MissingExtra(f"{found.cls} needs {error.name}, and the installed {library} does not have it: update {library}") from error


def _nearest(wrong: str, right: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(wrong.lower().replace("-", "_"), right, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
