"""CueCoT: before it answers, the model reads from what was said who is asking: personality, emotion, psychology, one step at a time.

Wang, Wang, Mi, Deng, Wang, Liang, Xu, Wong. Cue-CoT: Chain-of-thought Prompting for Responding to In-depth Dialogue Questions with LLMs.
Findings of EMNLP 2023, arXiv:2305.11792.

`steps="several"` asks for each cue and then for the answer (the paper's M-Cue); `steps="one"` asks for cues and answer in one go (O-Cue),
and gives what follows "Answer:".
Departs from the paper: cues are read from `k` of the person's records too, where the paper has the dialogue alone, and nothing is
inferred of somebody without records; no demonstrations. There is no counted form: reading cues takes a model that can.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from idiolect.errors import MethodError
from idiolect.facts.outlines import near, written
from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import Piece, Section, build, quoted
from idiolect.types import Record, Reply, Request, State, ask

ASK = "Say in one sentence what this shows of the person's {cue}:\n\n{dialogue}"
CUES = "What shows of the person who asks:"
AT_ONCE = (
    "First write after 'Cues:' what shows of this person's {cues}, one sentence each. Then write after 'Answer:' the answer itself, "
    "as it suits this person."
)
ANSWER = "Answer:"


@dataclass
class CueCoT(Method):
    """Infers `cues` from `k` records and the conversation, `cue_tokens` each, in "several" steps or in "one", then answers with them."""

    k: int = 4
    ranker: str = "bm25"
    cues: tuple[str, ...] = ("personality", "emotion", "psychology")
    steps: Literal["several", "one"] = "several"
    cue_tokens: int = 30

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if self.steps not in ("several", "one"):
            raise MethodError(f"cues are read in 'several' steps or in 'one', not in {self.steps!r}")
        found = near(state.records, request.question, self.k, self.ranker)
        if not state.records or not self.cues:
            return build(request, [quoted(found)], lm)
        return self._one(found, request, lm) if self.steps == "one" else self._several(found, request, lm)

    def _several(self, found: Sequence[Record], request: Request, lm: LM) -> Request:
        dialogue = "\n".join(f"{message.role}: {message.content}" for message in request.messages if message.role != "system")
        asked = [ask(ASK.format(cue=cue, dialogue=dialogue), max_tokens=self.cue_tokens, seed=request.sampling.seed) for cue in self.cues]
        texts = written(lm, [build(one, [quoted(found)], lm) for one in asked])
        pieces = tuple(Piece(f"{cue}: {text}", (f"cue:{cue}",)) for cue, text in zip(self.cues, texts, strict=True) if text)
        return build(request, [Section(pieces, CUES, "\n"), quoted(found)], lm)

    def _one(self, found: Sequence[Record], request: Request, lm: LM) -> Reply:
        """Asked without its stops, which would end the cues; they end the answer."""
        room = request.sampling.max_tokens + self.cue_tokens * len(self.cues)
        first = Section((Piece(AT_ONCE.format(cues=", ".join(self.cues))),))
        [reply] = lm.generate([build(request.sampled(max_tokens=room, stop=()), [first, quoted(found)], lm)])
        text = reply.text.partition(ANSWER)[2].strip() or reply.text.strip()
        ends = [at for at in (text.find(stop) for stop in request.sampling.stop) if at >= 0]
        return replace(reply, text=text[: min(ends, default=len(text))])
