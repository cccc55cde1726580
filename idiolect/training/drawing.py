"""Answers drawn as the very tokens that they are: text that is tokenized again may be other tokens, which nobody drew."""

from __future__ import annotations

from collections.abc import Sequence

from idiolect.errors import RequestError
from idiolect.models.batches import batches
from idiolect.models.decode import decode
from idiolect.models.encode import Encoded
from idiolect.models.group import Group
from idiolect.models.join import Blend
from idiolect.models.local import LocalLM
from idiolect.models.sample import generator
from idiolect.models.writing import Writing
from idiolect.types import Reply, Request


def written(lm: LocalLM, requests: Sequence[Request]) -> list[tuple[Reply, Encoded]]:
    """For each request its reply, and the row to learn from: the prompt, the tokens drawn, and the end token where the model ended it.

    Raises RequestError for a request with a guide: what several rows say together is nobody's policy.
    """
    if any(request.guide for request in requests):
        raise RequestError("a policy gradient cannot draw from a guide: give the request without it")
    groups = [_group(lm, request) for request in requests]
    for places in batches([group.cost for group in groups], lm.token_budget):
        for _ in decode(lm.engine, [groups[place] for place in places]):
            pass
    return [(group.reply, _row(lm, group)) for group in groups]


def _group(lm: LocalLM, request: Request) -> Group:
    wanted = request.sampling.max_tokens
    row = lm.encode(request, reserve=min(wanted, lm.window // 2))
    writing = Writing(lm.tokenizer, request.sampling, wanted, lm.ends)
    group = Group([request], [row], Blend(), writing, generator(request.sampling.seed))
    writing.limit = min(wanted, lm.window - (group.cost[1] - wanted))
    return group


def _row(lm: LocalLM, group: Group) -> Encoded:
    """Of several end tokens, the tokenizer's own stands for whichever was drawn."""
    drawn, ends = tuple(group.writing.tokens), lm.tokenizer.eos_token_id
    if group.writing.finish == "stop" and ends is not None:
        drawn += (int(ends),)
    return group.rows[0].answered(drawn, len(group.writing.text))
