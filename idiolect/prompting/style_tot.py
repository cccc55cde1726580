"""StyleToT: the model proposes several accounts of a person's style, and several answers in it, and votes for the best of each.

Chen, Moscholios. Using Prompts to Guide Large Language Models in Imitating a Real Person's Language Style. 2024, arXiv:2410.03848, whose
best prompt is a tree of thoughts: Yao et al. NeurIPS 2023, arXiv:2305.10601.

Departs from the paper: accounts of the style are voted on once a person, not for every question, since samples of their writing are all
that they are made of. In the whole, depth times (breadth + votes) calls, as in the paper; a breadth of 1 leaves nothing to vote on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from idiolect.method import Method
from idiolect.models.lm import LM
from idiolect.prompt import build, profile, quoted
from idiolect.retrieval import rank
from idiolect.types import Reply, Request, State, User, ask
from idiolect.wording import quote

ANALYZE = "{samples}\n\nSay in two sentences how this person writes: words, length of sentences, punctuation, tone."
REFINE = "{samples}\n\nSomebody said of how this person writes: {before}\n\nSay it better, in two sentences, by what they wrote."
VOTE = "{samples}\n\n{asked}\n\n{candidates}\n\nWhich one is most like this person? Answer with its number."
WHICH_ACCOUNT = "Accounts of how this person writes:"
WHICH_ANSWER = "Answers to: {question}"
VOTE_TOKENS = 6


@dataclass
class StyleToT(Method):
    """Of `breadth` proposals the model votes `votes` times for one: `depth` - 1 times for an account of the style, then for the answer.

    Accounts, of at most `analysis_tokens`, are made of the `samples` newest records; beside the answer stand the `samples` nearest.
    """

    samples: int = 4
    ranker: str = "bm25"
    depth: int = 2
    breadth: int = 3
    votes: int = 3
    temperature: float = 0.8
    analysis_tokens: int = 60
    seed: int = 0

    def enroll(self, users: Sequence[User], lm: LM) -> list[State]:
        texts = [quote(user.records.newest(self.samples)) for user in users]
        accounts = {place: "" for place, text in enumerate(texts) if text}
        for _ in range(self.depth - 1):
            accounts = self._level(texts, accounts, lm)
        return [State(text=accounts.get(place, ""), records=user.records) for place, user in enumerate(users)]

    def personalize(self, state: State, request: Request, lm: LM) -> Request | Reply:
        if not len(state.records):
            return request
        near = rank(state.records, self.ranker).search(request.question, self.samples)
        told = build(request, [profile(state.text), quoted(near)], lm)
        if self.breadth < 2:
            return told
        replies = lm.generate(self._several(told))
        asked = WHICH_ANSWER.format(question=request.question)
        votes = lm.generate(self._ballots(quote(near), asked, [reply.text for reply in replies]))
        best = replies[elected([vote.text for vote in votes], len(replies))]
        return best.chosen_of([*replies, *votes])

    def _level(self, texts: Sequence[str], accounts: dict[int, str], lm: LM) -> dict[int, str]:
        """Each person's next account, voted from several, which begin from the one before."""
        asked = [self._several(self._analyze(texts[place], before)) for place, before in accounts.items()]
        proposed = _in_groups(lm.generate([one for several in asked for one in several]), self.breadth)
        if self.breadth < 2:
            return dict(zip(accounts, (one for (one,) in proposed), strict=True))
        ballots = [self._ballots(texts[place], WHICH_ACCOUNT, own) for place, own in zip(accounts, proposed, strict=True)]
        votes = _in_groups(lm.generate([one for several in ballots for one in several]), self.votes) if self.votes else [[]] * len(ballots)
        return {p: own[elected(vote, self.breadth)] for p, own, vote in zip(accounts, proposed, votes, strict=True)}

    def _analyze(self, samples: str, before: str) -> Request:
        text = REFINE.format(samples=samples, before=before) if before else ANALYZE.format(samples=samples)
        return ask(text, max_tokens=self.analysis_tokens)

    def _several(self, request: Request) -> list[Request]:
        """The greedy one, and the others at the temperature."""
        seeds = range(request.sampling.seed + self.seed, request.sampling.seed + self.seed + self.breadth - 1)
        return [request.sampled(temperature=0.0), *(request.sampled(temperature=self.temperature, seed=seed) for seed in seeds)]

    def _ballots(self, samples: str, asked: str, candidates: Sequence[str]) -> list[Request]:
        listed = "\n".join(f"{number}. {' '.join(text.split())}" for number, text in enumerate(candidates, start=1))
        ballot = ask(VOTE.format(samples=samples, asked=asked, candidates=listed), max_tokens=VOTE_TOKENS)
        return [ballot.sampled(temperature=self.temperature, seed=self.seed + number) for number in range(self.votes)]


def elected(votes: Sequence[str], candidates: int) -> int:
    """The place of the candidate with the most votes, of equals the first. A vote is the first number in it; one for nobody is left out."""
    named = [int(found[0]) - 1 for found in (re.search(r"\d{1,6}", vote) for vote in votes) if found]
    counted = Counter(place for place in named if 0 <= place < candidates)
    return max(range(candidates), key=lambda place: (counted[place], -place))


def _in_groups(replies: Sequence[Reply], size: int) -> list[list[str]]:
    texts = [reply.text.strip() for reply in replies]
    return [texts[start : start + size] for start in range(0, len(texts), size)]
