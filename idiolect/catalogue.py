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
    _row("lamp", "prompting.lamp:LaMP", "input", "quotes records in the words of LaMP's tasks, within a budget of tokens",
         "Salemi et al., LaMP, ACL 2024, arXiv:2304.11406; Kumar et al., LongLaMP, 2024, arXiv:2407.11016"),
    _row("ropg_kd", "prompting.ropg_kd:ROPGKD", "input", "quotes what a ranker finds that the model's answers taught, by distillation",
         "Salemi et al., SIGIR 2024, arXiv:2404.05970"),
    _row("ropg_rl", "prompting.ropg_rl:ROPGRL", "input", "quotes what a ranker finds that the model's answers taught, by policy gradient",
         "Salemi et al., SIGIR 2024, arXiv:2404.05970"),
    _row("rspg", "prompting.rspg:RSPG", "input", "chooses for each question how records are found, or that none is quoted",
         "Salemi et al., SIGIR 2024, arXiv:2404.05970"),
    _row("cfrag", "prompting.cfrag:CFRAG", "input", "ranks the person's records with what people alike were helped by",
         "Shi et al., SIGIR 2025, arXiv:2504.05731"),
    _row("unims_rag", "prompting.unims_rag:UniMSRAG", "input", "chooses sources, weighs what they give, and refines its answer",
         "Wang et al., 2024, arXiv:2401.13256"),
    _row("gpg", "prompting.gpg:GPG", "input", "a profile in two steps: what stands out, and a short text of that",
         "Zhang, Findings of EMNLP 2024, arXiv:2409.13093"),
    _row("step_back", "prompting.step_back:StepBack", "input", "keywords, topics, and records with notes on their style",
         "Tang et al., 2024, arXiv:2406.14275"),
    _row("cue_cot", "prompting.cue_cot:CueCoT", "input", "infers personality, emotion and psychology, and answers with that",
         "Wang et al., Findings of EMNLP 2023, arXiv:2305.11792"),
    _row("fermi", "prompting.fermi:FERMI", "input", "an instruction for the person, improved on their past questions",
         "Kim and Yang, NAACL 2025, arXiv:2406.18678"),
    _row("persona_db", "prompting.persona_db:PersonaDB", "input", "items known of the person, and some that several people alike share",
         "Sun et al., COLING 2025, arXiv:2402.11060"),
    _row("matryoshka", "prompting.matryoshka:Matryoshka", "input", "of several texts about the person, the one that answers best with",
         "Li et al., NeurIPS 2025, arXiv:2410.20749"),
    _row("personal_sum", "prompting.personal_sum:PersonalSum", "input", "the reader's own summaries as examples, and what they show",
         "Zhang et al., NeurIPS 2024, arXiv:2410.03905"),
    _row("sy_se_pqa", "prompting.sy_se_pqa:SySEPQA", "input", "chooses what to quote by a ranker taught on made-up answers",
         "Braga et al., WI-IAT 2024, arXiv:2410.22182"),
    _row("long_term", "memory.long_term:LongTerm", "input", "facts with sources and time, wishes, the last and the nearest records",
         "after Rasmussen et al., Zep, 2025, arXiv:2501.13956; Zhong et al., MemoryBank, AAAI 2024, arXiv:2305.10250"),
    _row("mem_prompt", "memory.mem_prompt:MemPrompt", "input", "tells what the person meant when they were misunderstood before",
         "Madaan et al., EMNLP 2022, arXiv:2201.06009"),
    _row("teach_me", "memory.teach_me:TeachMe", "input", "tells what the person corrected in answers, where it bears on the question",
         "Dalvi Mishra et al., EMNLP 2022, arXiv:2204.13074"),
    _row("malp", "memory.malp:MaLP", "input", "a short-term memory and a long-term one, for what is asked for often",
         "Zhang et al., NAACL 2024, arXiv:2309.11696"),
    _row("memo_rag", "memory.memo_rag:MemoRAG", "input", "searches records by clues from the whole history as well",
         "Qian et al., WWW 2025, arXiv:2409.05591"),
    _row("secom", "memory.secom:SeCom", "input", "tells whole segments of the history, found by a compressed text",
         "Pan et al., ICLR 2025, arXiv:2502.05589"),
    _row("taci_tree", "memory.taci_tree:TaciTree", "input", "a tree of topics over the person's facts, followed from the top",
         "Li et al., EMNLP 2025, arXiv:2503.07018"),
    _row("cipher", "memory.cipher:CIPHER", "input", "tells what the person's edits of drafts show that they prefer",
         "Gao et al., NeurIPS 2024, arXiv:2404.15269"),
    _row("router", "prompting.router:Router", "input", "a record, a profile or an inference, as the question asks for",
         "after Liu et al., 2025, arXiv:2502.11528"),
    _row("linguistic_control", "prompting.linguistic_control:LinguisticControl", "input", "tells the bounds of what is counted of style",
         "Alhafni et al., PERSONALIZE 2024, arXiv:2402.04914"),
    _row("style_tot", "prompting.style_tot:StyleToT", "input", "the model proposes accounts of the person's style, and answers, and votes",
         "Chen and Moscholios, 2024, arXiv:2410.03848"),
    _row("orca", "prompting.orca:Orca", "input", "Big-Five facets the model finds, each with the person's words that show it",
         "Huang, 2024, arXiv:2411.10006"),
    _row("puma", "memory.puma:PUMA", "input", "what the person did before, in the fields that the function called for needs",
         "Cai et al., WWW 2025, arXiv:2410.17236"),
    _row("vac", "memory.vac:VAC", "model", "one LoRA adapter for everybody, taught by revisions that feedback in words made better",
         "Salemi and Zamani, 2025, arXiv:2508.10695", "adapters train"),
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
    _row("ia3", "adaptation.ia3:IA3", "model", "a number a channel for the person, by which activations are scaled",
         "Liu et al., NeurIPS 2022, arXiv:2205.05638; Clarke et al., PEFT-U, 2024, arXiv:2407.18078", "adapters train"),
    _row("houlsby", "adaptation.houlsby:Houlsby", "model", "a small network of the person's own behind each sub-layer",
         "Houlsby et al., ICML 2019, arXiv:1902.00751; Clarke et al., PEFT-U, 2024, arXiv:2407.18078", "adapters train"),
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
    _row("dpg", "adaptation.dpg:DPG", "model", "an adapter written from scores of style, the person's or asked for",
         "Liu et al., 2024, arXiv:2404.07084", "adapters train"),
    _row("piors", "adaptation.piors:PIORS", "model", "one LoRA adapter for everybody, taught by dialogues simulated from records",
         "Bao et al., 2024, arXiv:2411.13902", "adapters train"),
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
    _row("neural_bandits", "alignment.neural_bandits:NeuralBandits", "objective", "learns from ratings which way of telling serves best",
         "Chen et al., 2024, arXiv:2404.16115"),
    _row("janus", "prompting.janus:Janus", "input", "a system message of four dimensions, which one LoRA learnt to obey",
         "Lee et al., NeurIPS 2024, arXiv:2405.17977", "adapters train"),
    _row("opl", "prompting.opl:OPL", "input", "puts a question as a policy learnt that replies rated before speak for",
         "Kiyohara et al., RecSys 2025, arXiv:2504.02646"),
    _row("bipo", "steering.bipo:BiPO", "inference", "a vector that makes what the person chose likelier, and the reverse",
         "Cao et al., NeurIPS 2024, arXiv:2406.00045", "steering train"),
    _row("pas", "steering.pas:PAS", "inference", "moves the attention heads that tell the person's texts from others",
         "Zhu et al., ICLR 2025, arXiv:2408.11779", "steering logprobs"),
    _row("npti", "steering.npti:NPTI", "inference", "strengthens neurons that the person's records make active",
         "Deng et al., ICLR 2025, arXiv:2410.12327", "steering logprobs"),
    _row("cope", "steering.cope:CoPe", "inference", "the person's own adapter, less a little of what everybody's would say",
         "Bu et al., EMNLP 2025, arXiv:2506.12109", "adapters guide logprobs train"),
    _row("p_rlhf", "alignment.p_rlhf:PRLHF", "objective", "a soft prompt a person beside a shared LoRA, both learnt from preferences",
         "Li et al., 2024, arXiv:2402.05133", "adapters prefix train"),
    _row("compo", "alignment.compo:ComPO", "objective", "one LoRA that learnt what each community prefers, told whose turn it is",
         "Kumar et al., NAACL 2025, arXiv:2410.16027", "adapters train"),
    _row("mrpo", "alignment.mrpo:MRPO", "objective", "a LoRA a person learnt from preferences, held to two references",
         "Le et al., AAAI 2025, arXiv:2405.16388", "adapters train"),
    _row("bapo", "alignment.bapo:BAPO", "objective", "a LoRA a person learnt from preferences, held to the model's own answers",
         "Lee et al., Findings of EMNLP 2024, arXiv:2407.00693", "adapters train"),
    _row("modpo", "alignment.modpo:MODPO", "objective", "preferences beside counted objectives, a LoRA for each of several weights",
         "Zhou et al., Findings of ACL 2024, arXiv:2310.03708", "adapters train"),
    _row("aloe", "alignment.aloe:ALOE", "objective", "one LoRA that answers as if it had been told what was revealed",
         "Wu et al., COLING 2025, arXiv:2410.03642", "adapters train"),
    _row("cpo", "alignment.cpo:CPO", "objective", "one LoRA that reads how an answer is to be rated, and prefers such",
         "Guo et al., EMNLP 2024, arXiv:2402.19085", "adapters train"),
    _row("ric", "alignment.ric:RiC", "objective", "one LoRA that reads how an answer is to score by each objective",
         "Yang et al., ICML 2024, arXiv:2402.10207", "adapters train"),
    _row("dpa", "alignment.dpa:DPA", "objective", "one LoRA that is told a direction between objectives in whole numbers",
         "Wang et al., ACL 2024, arXiv:2402.18571", "adapters train"),
    _row("rewarded_soups", "alignment.rewarded_soups:RewardedSoups", "objective", "a LoRA for each objective, averaged by weights",
         "Ramé et al., NeurIPS 2023, arXiv:2306.04488", "adapters train"),
    _row("personalized_soups", "alignment.personalized_soups:PersonalizedSoups", "objective", "a LoRA for each preference, averaged",
         "Jang et al., 2023, arXiv:2310.11564", "adapters train"),
    _row("panacea", "alignment.panacea:Panacea", "objective", "one LoRA into which the person's weights go as singular values",
         "Zhong et al., NeurIPS 2024, arXiv:2402.02030", "adapters train"),
    _row("clp", "alignment.clp:CLP", "objective", "one policy of all weights: a shared part and one for each objective",
         "Wang et al., Findings of EMNLP 2024, arXiv:2407.15762", "adapters train"),
    _row("morlhf", "alignment.morlhf:MORLHF", "objective", "one policy for each of several weights, by policy gradient",
         "Wu et al., NeurIPS 2023, arXiv:2306.01693", "adapters train"),
    _row("dmrw", "alignment.dmrw:DMRW", "objective", "policies of styles, their rewards weighed by discriminators' gradients",
         "de Langis et al., EMNLP 2024, arXiv:2402.14146", "adapters train"),
    _row("mod", "alignment.mod:MOD", "objective", "a LoRA for each objective, their predictions joined at each token",
         "Shi et al., NeurIPS 2024, arXiv:2406.18853", "adapters guide train"),
    _row("mope", "alignment.mope:MoPE", "objective", "experts mixed token by token, in shares that a small gate reads",
         "Zhou et al., 2024, arXiv:2407.04181", "adapters guide train"),
    _row("pad", "alignment.pad:PAD", "objective", "of the likeliest tokens, those that a model of preferences raises",
         "Chen et al., ICLR 2025, arXiv:2410.04070", "adapters guide train"),
    _row("mca", "alignment.mca:MCA", "objective", "prompts that serve an objective against prompts that defy it",
         "Fu et al., NAACL 2025, arXiv:2408.05094", "guide"),
    _row("modular_pluralism", "alignment.modular_pluralism:ModularPluralism", "objective", "communities speak, and the model takes it up",
         "Feng et al., EMNLP 2024, arXiv:2406.15951", "adapters guide train"),
    _row("carm", "alignment.carm:CARM", "objective", "of several answers, the best to a reward that reads what is known",
         "Pitis et al., NeurIPS 2024, arXiv:2407.14916"),
    _row("more", "alignment.more:MORE", "objective", "of several answers, the best to a reward that left no group behind",
         "Zeng et al., Findings of EMNLP 2024, arXiv:2312.07401"),
    _row("vpl", "alignment.vpl:VPL", "objective", "of several answers, the best to a latent vector of the person",
         "Poddar et al., NeurIPS 2024, arXiv:2408.10075"),
    _row("maxmin_rlhf", "alignment.maxmin_rlhf:MaxMinRLHF", "objective", "of several answers, the best for who is served worst",
         "Chakraborty et al., ICML 2024, arXiv:2402.08925"),
    _row("perse", "alignment.perse:PerSE", "objective", "the model judges answers as this reader would, from earlier judgements",
         "Wang et al., EMNLP 2024, arXiv:2310.03304"),
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
