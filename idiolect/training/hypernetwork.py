"""A network that writes LoRA adapters: what is known of a person is pressed into a few numbers z, and B is B0 + z1 B1 + z2 B2 ...

After Ha, Dai, Le. HyperNetworks. ICLR 2017, arXiv:1609.09106. A and all B are everybody's; where nothing is known of a person, z is 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from idiolect.models.local import LocalLM
from idiolect.models.places import linears
from idiolect.training.encoder import Network
from idiolect.types import Adapter


class Hypernetwork(Network):
    """From the mean of a person's records, through `traits` numbers, to an adapter of `rank`."""

    def __init__(self, width: int, shapes: Mapping[str, tuple[int, int]], rank: int, traits: int) -> None:
        super().__init__(width)
        self.paths = list(shapes)
        self.press = nn.Linear(2 * width, traits, bias=False)
        self.down = nn.ParameterList([(torch.rand(rank, n) * 2 - 1) / n**0.5 for n, _ in shapes.values()])
        self.up = nn.ParameterList([torch.zeros(1 + traits, rank, n) for _, n in shapes.values()])

    def forward(self, history: Tensor, there: Tensor, asked: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        return self.factors(self.traits(history, there))

    def traits(self, history: Tensor, there: Tensor) -> Tensor:
        """z (rows, traits), each between -1 and 1; 0 for somebody without records."""
        return self.pressed(averaged(history, there))

    def pressed(self, means: Tensor) -> Tensor:
        """z (rows, traits) of standardized means (rows, 2 * width)."""
        return torch.tanh(self.press(means))

    def factors(self, traits: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
        """For each module A (rows, rank, inputs) and B (rows, rank, outputs), of z (rows, traits)."""
        z = torch.cat([torch.ones_like(traits[:, :1]), traits], dim=1)
        stacked = zip(self.paths, self.down, self.up, strict=True)
        return {path: (a.expand(len(z), -1, -1), torch.einsum("zt,tro->zro", z, b)) for path, a, b in stacked}

    def adapter(self, traits: Tensor, name: str) -> Adapter:
        """The adapter of one person, of z (traits,)."""
        return Adapter({path: (a[0].numpy(), b[0].T.numpy()) for path, (a, b) in self.factors(traits[None]).items()}, name=name)


def averaged(history: Tensor, there: Tensor) -> Tensor:
    """The mean (rows, 2 * width) of what a person's records are, (rows, longest, 2, width), where `there`; 0 for nobody's."""
    return (history.flatten(2) * there[..., None]).sum(dim=1) / there.sum(dim=1, keepdim=True).clamp(min=1)


def shapes(lm: LocalLM, modules: tuple[str, ...]) -> dict[str, tuple[int, int]]:
    """(inputs, outputs) of every linear module whose last name is one of `modules`."""
    sizes = linears(lm.model)
    return {path: sizes[path] for path in lm.linear_paths(modules)}
