"""METEOR: words that agree, by themselves or by their stems, and in order.

Banerjee, Lavie. METEOR: An Automatic Metric for MT Evaluation with Improved Correlation with Human Judgments. ACL Workshop on
Intrinsic and Extrinsic Evaluation Measures for Machine Translation and/or Summarization, 2005.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from idiolect.extras import need


class NoSynonyms:
    """A WordNet that knows no word: METEOR then counts equal words and equal stems alone."""

    def synsets(self, word: str) -> list[Any]:
        """None."""
        return []


def meteor(reply: str, truth: str) -> float:
    """METEOR of a reply, 0 to 1, as nltk computes it (alpha 0.9, beta 3, gamma 0.5; words of its Treebank tokenizer, in lower case).

    Synonyms count where nltk's WordNet is installed (`has_synonyms`); it is never fetched. Without it figures are a little lower
    than published ones. Raises MissingExtra without nltk, which comes with rouge-score.
    """
    scorer, words = _scorer()
    wordnet = _wordnet() if has_synonyms() else NoSynonyms()
    return float(scorer.single_meteor_score(words.tokenize(truth), words.tokenize(reply), wordnet=wordnet))


@cache
def has_synonyms() -> bool:
    """Whether nltk's WordNet is installed here."""
    try:
        return bool(_wordnet().synsets("word"))
    except LookupError:
        return False


@cache
def _scorer() -> tuple[Any, Any]:
    scorer = need("nltk.translate.meteor_score", "METEOR")
    return scorer, need("nltk.tokenize.destructive", "METEOR").NLTKWordTokenizer()


@cache
def _wordnet() -> Any:
    return need("nltk.corpus", "METEOR").wordnet
