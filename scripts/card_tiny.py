"""Measures the bundled model on people it has not seen, and prints the tables of its card.

Run as: python scripts/card_tiny.py --corpora FOLDER [--model FOLDER] [--people 200]
"""

from __future__ import annotations

import argparse
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from rouge_score.rouge_scorer import RougeScorer

from idiolect.data import corpora
from idiolect.models.local import LocalLM, load
from idiolect.types import History, Record, Request, User, ask
from idiolect.wording import about, describe, quote

KINDS: dict[str, Callable[[Path], list[User]]] = {"acl_titles": corpora.acl_titles, "git_commits": corpora.git_commits}


def bits(lm: LocalLM, requests: Sequence[Request], targets: Sequence[Record]) -> float:
    """Bits per character over all targets."""
    scores = lm.score(requests, [target.answer for target in targets])
    return -sum(score.nats for score in scores) / math.log(2) / sum(score.chars for score in scores)


def rouge(texts: Sequence[str], targets: Sequence[Record]) -> str:
    """Mean ROUGE-1 and ROUGE-L F-measures, as table cells."""
    scorer = RougeScorer(["rouge1", "rougeL"])
    scores = [scorer.score(target.answer, text) for target, text in zip(targets, texts, strict=True)]
    return " | ".join(f"{sum(score[kind].fmeasure for score in scores) / len(scores):.3f}" for kind in ("rouge1", "rougeL"))


def told(target: Record, history: Sequence[Record]) -> Request:
    """The target's question with these records quoted."""
    return ask(target.prompt, max_tokens=40).told(quote(history))


def report(lm: LocalLM, name: str, people: Sequence[User]) -> None:
    """The tables of one corpus."""
    targets = [user.records[-1] for user in people]
    own = [user.records.before(target) for user, target in zip(people, targets, strict=True)]
    others = own[1:] + own[:1]
    print(f"\n### {name}: {len(people)} people who were held out, the last record of each\n")
    print("| records quoted | bits a character, own | another person's |\n|---|---|---|")
    for k in (0, 1, 2, 4, 8):
        cells = [f"{bits(lm, [told(t, newest(h, k)) for t, h in zip(targets, side, strict=True)], targets):.3f}" for side in (own, others)]
        print(f"| {k} | {' | '.join(cells)} |")
    cells = [
        f"{bits(lm, [ask(t.prompt).told(describe(h)) for t, h in zip(targets, side, strict=True)], targets):.3f}" for side in (own, others)
    ]
    print(f"| a counted profile | {' | '.join(cells)} |")
    print("\n| answer | ROUGE-1 | ROUGE-L |\n|---|---|---|")
    for k in (0, 4):
        made = lm.generate([told(t, newest(h, k)) for t, h in zip(targets, own, strict=True)])
        print(f"| tiny, {k} records quoted | {rouge([reply.text for reply in made], targets)} |")
    words = Counter(word for history in own for record in history for word in record.answer.lower().split())
    usual = " ".join(word for word, _ in words.most_common(10))
    for label, texts in (
        ("first ten words of the question's matter", [" ".join(about(t.prompt).split()[:10]) for t in targets]),
        ("the ten most frequent words of all answers", [usual] * len(targets)),
        ("the person's latest answer", [h[-1].answer if len(h) else "" for h in own]),
    ):
        print(f"| {label} | {rouge(texts, targets)} |")
    print("\nFirst answers, as they come:\n")
    for reply in lm.generate([told(t, ()) for t in targets[:6]]):
        print(f"- {reply.text}")


def newest(history: History, k: int) -> Sequence[Record]:
    """The latest `k` records."""
    return history[len(history) - k :] if 0 < k < len(history) else history if k else ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, required=True)
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--people", type=int, default=200)
    args = parser.parse_args()
    torch.set_num_threads(1)
    lm = load(args.model)
    for name, read in KINDS.items():
        people = [user for user in read(args.corpora / name) if corpora.held_out(name, user)]
        report(lm, name, random.Random(0).sample(people, min(args.people, len(people))))


if __name__ == "__main__":
    main()
