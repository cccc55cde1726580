"""Losses over preferences as functions of log-probabilities: no model, no loop. All tensors are (examples,) in nats unless said otherwise.

Every one is -log sigmoid of a margin: how much more the chosen answer gained than the rejected one. They differ in what a gain is
(`gain`), in what it is a gain over (`surrogate`), in what stands beside the margin, and in what is added to the loss (`anchor`).
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import hardshrink, softplus

from idiolect.errors import RequestError

Divergence = Literal["reverse_kl", "forward_kl", "alpha", "js"]
Anchor = Literal["hinge", "abs", "square", "forward_kl"]
Variant = Literal["paper", "released"]
ROUNDING = 1e-3  # nats: an anchor does not see a smaller change
LARGEST = 80.0  # exponents are cut here: e^88 is no number any more in single precision


def bradley_terry(margin: Tensor, smoothing: float = 0.0) -> Tensor:
    """-log sigmoid(margin): nats by which the choice surprises. With `smoothing`, that share of the choices is held for turned round."""
    loss = softplus(-margin)
    return loss if not smoothing else (1 - smoothing) * loss + smoothing * softplus(margin)


def gain(logratio: Tensor, divergence: Divergence = "reverse_kl", alpha: float = 0.5) -> Tensor:
    """f'(u) for u = e^logratio, up to a constant that margins do not see: what an answer gained over its reference.

    Wang, Jiang, Yang, Liu, Chen. Beyond Reverse KL: Generalizing Direct Preference Optimization with Diverse Divergence Constraints.
    ICLR 2024, arXiv:2309.16240. Reverse KL: log u (DPO itself). Forward KL: -1/u. alpha: (1 - u^-alpha) / alpha, which is the forward KL
    at 1 and the reverse at 0. JS: log(2u / (1 + u)).
    """
    if divergence == "reverse_kl" or (divergence == "alpha" and alpha == 0):
        return logratio
    if divergence == "forward_kl":
        return -_exp(-logratio)
    if divergence == "alpha":
        return (1 - _exp(-alpha * logratio)) / alpha
    if divergence == "js":
        return logratio - softplus(logratio)
    raise RequestError(f"no divergence is named {divergence!r}: take one of {', '.join(get_args(Divergence))}")


def surrogate(references: Tensor, shares: Tensor) -> Tensor:
    """The log-probability of one reference in place of several, from theirs (references, ...) and their shares, 1 together.

    The weighted harmonic mean of the probabilities, 1 / sum(share / p), in log space: Le, Tran, Nguyen, Do, Mittal, Ogueji, Venkatesh.
    Multi-Reference Preference Optimization for Large Language Models. AAAI 2025, arXiv:2405.16388. Between the least and the greatest.
    """
    return -torch.logsumexp(shares.log() - references, dim=0)


def confidence(extra: Tensor, primary: Tensor) -> Tensor:
    """The share (examples,) of a second reference beside the primary one, each (examples, 2): how far each tells chosen from rejected."""
    own, other = ((one[:, 0] - one[:, 1]).abs() for one in (extra, primary))
    return own / (own + other + 1e-6)


def clipped(extra: Tensor, primary: Tensor, trust: float) -> Tensor:
    """`extra` (examples, 2: chosen, rejected) kept within `trust` times `primary`, about it on both sides.

    The trust is divided between the two answers as their log-probabilities are, averaged over the references: the less likely has more.
    """
    middle = (extra + primary).abs() / 2
    width = trust * middle / middle.sum(dim=1, keepdim=True).clamp(min=1e-12) * primary.abs()
    return extra.clamp(primary - width, primary + width)


def multi_reference(extra: Tensor, primary: Tensor, trust: float, share: float | None = None, variant: Variant = "paper") -> Tensor:
    """Log-probabilities (examples, 2) of the one reference that stands for two: MRPO, with the extra one's `share`, or its confidence.

    "released" gives the share to the other side: in the released code it multiplies p1, where 1/p1 has it in the paper's closed form.
    """
    if variant not in get_args(Variant):
        raise RequestError(f"the weight stands on the side of the 'paper' or of the 'released' code, not of {variant!r}")
    own = confidence(extra, primary) if share is None else torch.full_like(extra[:, 0], share)
    own = 1 - own if variant == "released" else own
    shares = torch.stack([own, 1 - own])[:, :, None].expand(-1, -1, 2)
    return surrogate(torch.stack([clipped(extra, primary, trust), primary]), shares)


def anchor(logp: Tensor, reference: Tensor, how: Anchor = "hinge", tokens: Tensor | None = None) -> Tensor:
    """What it costs to leave the likelihood that the reference gave its own answer; with `tokens`, by the token. 0 where they agree.

    hinge: what was lost of it; abs: lost or gained; square: the square of that; forward_kl: u - 1 - log u for u = pi/ref, each answer's
    own estimate of the forward KL from a sample of the reference, which is never below 0.
    """
    change = hardshrink(logp - reference, ROUNDING)  # training starts at 0, where the slope would be rounding's
    change = change if tokens is None else change / tokens.clamp(min=1)
    if how == "hinge":
        return (-change).clamp(min=0)
    if how == "abs":
        return change.abs()
    if how == "square":
        return change.square()
    if how == "forward_kl":
        return _exp(change) - 1 - change
    raise RequestError(f"no anchor is named {how!r}: take one of {', '.join(get_args(Anchor))}")


def traded(margin: Tensor, rewards: Tensor, weight: float | Tensor) -> Tensor:
    """The margin of preferences that count `weight`, beside `rewards`: how much better the chosen answer is by the others, weighed.

    (margin - rewards) / weight: Zhou et al. Beyond One-Preference-Fits-All Alignment: Multi-Objective Direct Preference Optimization.
    Findings of ACL 2024, arXiv:2310.03708.
    """
    return (margin - rewards) / weight


def kto(gained: Tensor, baseline: Tensor, wanted: Tensor, beta: float = 0.1, weights: tuple[float, float] = (1.0, 1.0)) -> Tensor:
    """Of answers called wanted (True) or not, without pairs: weight x (1 - sigmoid(beta (gained - baseline))), turned round where not.

    `gained` is the log-ratio to the reference, `baseline` what an answer to another question gains, which is not trained through;
    `weights` are those of wanted and of unwanted ones. Ethayarajh et al. KTO: Model Alignment as Prospect Theoretic Optimization.
    ICML 2024, arXiv:2402.01306.
    """
    signed = torch.where(wanted, gained - baseline.detach(), baseline.detach() - gained)
    weight = torch.where(wanted, gained.new_tensor(weights[0]), gained.new_tensor(weights[1]))
    return weight * torch.sigmoid(-beta * signed)


def plackett_luce(worth: Tensor) -> Tensor:
    """Nats by which a ranking surprises, (examples,) from the worth of answers (examples, answers), best first.

    Each in turn is chosen among those that are left; of two it is `bradley_terry`. Plackett 1975; as a loss over log-ratios: Rafailov et
    al., DPO, NeurIPS 2023, arXiv:2305.18290, appendix A.3.
    """
    left = worth.flip(1).logcumsumexp(dim=1).flip(1)
    return (left - worth).sum(dim=1)


def _exp(value: Tensor) -> Tensor:
    return value.clamp(max=LARGEST).exp()
