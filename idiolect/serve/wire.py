"""What OpenAI's clients send, checked, and turned into a request; what is not understood is refused by its name, not ignored."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from idiolect.errors import RequestError
from idiolect.types import Message, Request, Sampling

MOST_CHOICES, MOST_TOP = 16, 20


class Extra(BaseModel):
    """What may be asked beyond OpenAI's fields, under `idiolect`."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = Field(default=None, description="A method of /v1/models, in place of the one that `model` names.")
    weights: dict[str, float] | None = Field(
        default=None,
        description="Sliders from -1 to 1, in place of the person's own for this answer; and what methods with objectives strive for.",
    )
    explain: bool = Field(default=False, description="Answer with the reasons, as /v1/replies/ID/why gives them.")
    learn: bool | None = Field(default=None, description="Whether the question is kept as the person's words; left out: as they consented.")


class Part(BaseModel):
    """A part of a message."""

    type: str
    text: str | None = None


class Said(BaseModel):
    """A message of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[Part] | None = None
    name: str | None = None

    def text(self) -> str:
        """Its text. Raises RequestError for parts of another kind."""
        if isinstance(self.content, list):
            odd = next((part.type for part in self.content if part.text is None), None)
            if odd is not None:
                raise RequestError(f"a message has a part of type {odd!r}; only text can be read here")
            return "".join(part.text or "" for part in self.content)
        return self.content or ""


class Options(BaseModel):
    """How chat and completions are drawn."""

    model_config = ConfigDict(extra="allow")

    model: str | None = None
    user: str | None = Field(default=None, description="Whose answer it is to be. Left out: nobody's, which is the model as it is.")
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0, le=2)
    top_p: float | None = Field(default=None, gt=0, le=1)
    n: int | None = Field(default=None, ge=1, le=MOST_CHOICES)
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    idiolect: Extra | None = None

    @property
    def extra(self) -> Extra:
        """The project's own fields."""
        return self.idiolect or Extra()

    @property
    def counted(self) -> bool:
        """Whether a stream is to end with the counts of tokens."""
        return bool((self.stream_options or {}).get("include_usage"))

    def sampling(self, max_tokens: int) -> Sampling:
        """How tokens are drawn; greedily where no temperature is given, so that the same question has the same answer."""
        stop = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ())
        if "" in stop:
            raise RequestError("an empty stop text would end every answer at once; leave it out")
        return Sampling(
            self.max_completion_tokens or self.max_tokens or max_tokens,
            self.temperature or 0.0,
            self.top_p or 1.0,
            stop,
            self.seed if self.seed is not None else 0,
        )

    def refuse_unknown(self) -> None:
        """Raises RequestError for a field that would change the answer and that nothing here understands."""
        for name, value in (self.model_extra or {}).items():
            if name not in HARMLESS and value not in NEUTRAL.get(name, (None, [], {}, False)):
                raise RequestError(f"{name!r} is not supported here: leave it out")


HARMLESS = frozenset({"metadata", "store", "service_tier", "prompt_cache_key", "safety_identifier", "parallel_tool_calls", "verbosity"})
NEUTRAL: dict[str, tuple[Any, ...]] = {  # values that ask for nothing
    "frequency_penalty": (None, 0),
    "presence_penalty": (None, 0),
    "logit_bias": (None, {}),
    "response_format": (None, {"type": "text"}),
    "tool_choice": (None, "none", "auto"),
    "modalities": (None, ["text"]),
    "best_of": (None, 1),
    "suffix": (None, ""),
}


class Chat(Options):
    """The body of /v1/chat/completions."""

    messages: list[Said] = Field(min_length=1)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MOST_TOP)

    def request(self, max_tokens: int) -> Request:
        """The conversation as a request: whatever stands for a system is its first message."""
        self.refuse_unknown()
        system = "\n\n".join(said.text() for said in self.messages if said.role in ("system", "developer"))
        turns = [Message(said.role, said.text()) for said in self.messages if said.role in ("user", "assistant")]
        return Request((*([Message("system", system)] if system else []), *turns), self.sampling(max_tokens))

    @property
    def alternatives(self) -> int:
        """How many tokens are told at each place of the answer: 0 for no log-probabilities at all, 1 for the chosen one's."""
        return max(1, self.top_logprobs or 0) if self.logprobs else 0


class Completion(Options):
    """The body of /v1/completions."""

    prompt: str | list[str]
    logprobs: int | None = Field(default=None, ge=0, le=MOST_TOP)
    echo: bool | None = None

    def requests(self, max_tokens: int) -> list[Request]:
        """One request for each prompt."""
        self.refuse_unknown()
        if self.echo:
            raise RequestError("'echo' is not supported here: leave it out")
        prompts = [self.prompt] if isinstance(self.prompt, str) else self.prompt
        if not prompts:
            raise RequestError("'prompt' is empty: give a text")
        return [Request((Message("user", prompt),), self.sampling(max_tokens)) for prompt in prompts]

    @property
    def alternatives(self) -> int:
        """As `Chat.alternatives`."""
        return max(1, self.logprobs) if self.logprobs is not None else 0
