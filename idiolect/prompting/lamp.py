"""LaMP: the person's records stand before the question in the words of its task, within a budget of tokens.

Salemi, Mysore, Bendersky, Zamani. LaMP: When Large Language Models Meet Personalization. ACL 2024, arXiv:2304.11406.
LongLaMP's four tasks: Kumar et al. LongLaMP: A Benchmark for Personalized Long-form Text Generation. 2024, arXiv:2407.11016.

Departs from the paper: the records stand in the system message, without the stray spaces of the published prompts, and the question
stays whole; room that a short record leaves goes to all others; LaMP-1 is searched by its two references as they are quoted; words in
lower case for BM25. `strict=True` takes all of this back: one message, put together, budgeted, searched and ranked as the published
code does it. Two of its failures are not repeated: an empty history stops its BM25, and is the bare question here; a share of no token
at all, with a tokenizer that adds an end, lets the whole text in. "dense" is MiniLM in place of Contriever, and rankings made
beforehand are not read. LongLaMP's prompts are those for T5 and GPT, not the other ones for Llama.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from idiolect.data.lamp import form, piece, recognised
from idiolect.data.lamp_prompt import published, tokens_of, told
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import quoting
from idiolect.retrieval.lamp import nearest
from idiolect.types import Message, Request, State


@dataclass
class LaMP(Method):
    """Shows `k` records, found by `ranker`, in the words of `task`, in a prompt of at most `max_length` tokens (LongLaMP: of any length).

    The task is the one that the question's first words belong to, unless one is named ("LaMP-5", "LongLaMP-review"); a question
    of none is asked with records quoted as `RAG` quotes them. Tokens are the model's own, or words where it has none here.
    """

    k: int = 4
    ranker: str = "bm25"
    task: str = ""
    max_length: int = 256
    strict: bool = False

    def personalize(self, state: State, request: Request, lm: LM) -> Request:
        task = form(self.task) if self.task else recognised(request.question)
        if task is None:
            return quoting(request, state.records, self.k, lm, self.ranker)
        near = nearest(task, state.records, request.question, self.ranker, self.k, self.strict)
        pieces, tokens = [piece(task, record) for record in near], tokens_of(lm)
        put = published if self.strict else told
        text, shown = put(task, request.question, pieces, self.max_length, tokens)
        if not self.strict:
            return request.told(text, because=near[:shown])
        reasons = tuple(dict.fromkeys(f"record:{record.id}" for record in near[:shown]))
        return replace(request, messages=(*request.messages[:-1], Message("user", text)), because=request.because + reasons)
