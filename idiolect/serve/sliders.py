"""Sliders: how a person wants to be answered, from -1 to 1, told to the model as one line each.

What can be set is what the literature varies and finds people to differ in: length and expertise (verbosity and complexity of Wang et
al., HelpSteer2, 2024, arXiv:2406.08673; expertise and informativeness of Jang et al., Personalized Soups, 2023, arXiv:2310.11564),
formality (Rao, Tetreault, Dear Sir or Madam, NAACL 2018, arXiv:1803.06535), directness against politeness
(Danescu-Niculescu-Mizil et al., ACL 2013, arXiv:1306.6078), and warmth (Fiske, Cuddy, Glick, Universal dimensions of social
cognition, 2007, doi:10.1016/j.tics.2006.11.005). The lines are instructions to the model, in English, whatever is spoken.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from idiolect.errors import RequestError
from idiolect.types import Request

GRADES = ((1 / 3, "a little"), (2 / 3, "clearly"), (1.0, "very much"))  # up to which size, and in words


@dataclass(frozen=True, slots=True)
class Slider:
    """What can be set: what -1 and 1 are called, and what is told of either side, with a grade in its place."""

    low: str
    high: str
    less: str
    more: str

    def line(self, value: float) -> str:
        """What is told of a value; "" for 0."""
        grade = next(word for most, word in GRADES if abs(value) <= most + 1e-9)
        return (self.more if value > 0 else self.less).format(grade) if value else ""


SLIDERS: Mapping[str, Slider] = {
    "length": Slider("shorter", "longer", "Keep answers {} shorter than you would.", "Make answers {} longer than you would."),
    "detail": Slider(
        "the answer alone",
        "fully explained",
        "Explain {} less than you would: what counts is the answer, not the way to it.",
        "Explain {} more than you would: give reasons, steps and examples.",
    ),
    "expertise": Slider(
        "for a beginner",
        "for an expert",
        "Put things {} more simply than you would, for somebody who is new to the matter.",
        "Put things {} more technically than you would, for somebody who knows the matter well.",
    ),
    "formality": Slider(
        "casual", "formal", "Write {} more casually than you would, as friends talk.", "Write {} more formally than you would."
    ),
    "directness": Slider(
        "gentle",
        "direct",
        "Put things {} more gently than you would, and leave room for other views.",
        "Put things {} more directly than you would: the answer first, without hedging.",
    ),
    "warmth": Slider(
        "matter-of-fact",
        "warm",
        "Write {} more matter-of-factly than you would, without remarks about feelings.",
        "Write {} more warmly than you would, with interest in the person and encouragement.",
    ),
}


def checked(weights: Mapping[str, float]) -> dict[str, float]:
    """Sliders as they can be kept. Raises RequestError for one that does not exist, and for a value that is not from -1 to 1."""
    for name, value in weights.items():
        if name not in SLIDERS:
            near = difflib.get_close_matches(name, SLIDERS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(SLIDERS)}"
            raise RequestError(f"there is no slider {name!r}; {hint}")
        if not (math.isfinite(value) and -1 <= value <= 1):
            raise RequestError(f"the slider {name!r} goes from -1 to 1, and {value} is not between them")
    return {name: float(value) for name, value in weights.items()}


def tell(request: Request, weights: Mapping[str, float]) -> Request:
    """`request` with a line in its system message for every slider that is not 0, in the order of SLIDERS. Raises RequestError."""
    known = checked(weights)
    told = {name: known[name] for name in SLIDERS if known.get(name)}
    lines = [SLIDERS[name].line(value) for name, value in told.items()]
    return request.told("\n".join(lines), because=[f"setting:{name} {value:+g}" for name, value in told.items()])
