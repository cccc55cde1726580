"""Of what a person's own model drafts, the draft that the model without them likes better by most: rejected, it teaches what is theirs.

After CoPe: Bu, Jung, Kang, Kim. Personalized LLM Decoding via Contrasting Personal Preference. EMNLP 2025, arXiv:2506.12109.
"""

from __future__ import annotations

from collections.abc import Sequence

from idiolect.models.lm import LM
from idiolect.training.loop import Pair
from idiolect.training.preference import Preference
from idiolect.types import Adapter

ROUNDING = 1e-3  # nats a token; of drafts that are no further apart the first is taken, so that company cannot change the choice


def least_personal(
    lm: LM, own: Sequence[Adapter], jobs: Sequence[Sequence[Pair]], drafts: int, tokens: int, seed: int = 0
) -> list[list[Preference]]:
    """For each job's pairs, the person's answer over one of `drafts` answers, of `tokens` at most, drawn with the job's own adapter.

    It is the one whose log-probability a token, over the answer alone, is greater without the adapter than with it by most. Drafts that
    are blank or the person's own words are none; a pair without drafts is left out.
    """
    asked = [(who, request, answer) for who, pairs in enumerate(jobs) for request, answer in pairs]
    bent = [request.bent(adapters={own[who]: 1.0}) for who, request, _ in asked]
    drawn = [one.sampled(max_tokens=tokens, temperature=1.0, top_p=1.0, seed=seed + i) for one in bent for i in range(drafts)]
    texts = [reply.text for reply in lm.generate(drawn)]
    kept = [i for i, text in enumerate(texts) if text.strip() and text.strip() != asked[i // drafts][2].strip()]
    said, without = [texts[i] for i in kept], [asked[i // drafts][1] for i in kept]
    scores = zip(lm.score(without, said), lm.score([bent[i // drafts] for i in kept], said), strict=True)
    worth = {i: (shared.nats - mine.nats) / max(len(mine.logprobs), 1) for i, (shared, mine) in zip(kept, scores, strict=True)}
    made: list[list[Preference]] = [[] for _ in jobs]
    for place, (who, request, answer) in enumerate(asked):
        tried = [i for i in range(place * drafts, (place + 1) * drafts) if i in worth]
        if tried:
            best = max(worth[i] for i in tried)
            made[who].append((request, answer, texts[next(i for i in tried if worth[i] >= best - ROUNDING)]))
    return made
