"""Starts: the initial maps of trained stitchers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench import Affine

if TYPE_CHECKING:
    import torch

    from simbench import Moments


def initial(init: str, m: Moments, bias: bool, generator: torch.Generator) -> Affine:
    """The map (p, q) that `init` names: "least_squares", "permutation" or "identity" of the moments, or "random",
    uniform in +- 1/sqrt(p), with a bias where one is trained."""
    import torch
    from simbench_plugins.stitchers.identity import Identity
    from simbench_plugins.stitchers.least_squares import LeastSquares
    from simbench_plugins.stitchers.neuron_matching import assignment

    p, q = m.a.width, m.b.width
    if init == "random":
        weight, offset = (torch.rand(size, generator=generator) * 2 - 1 for size in ((p, q), (q,)))
        return Affine(weight / p**0.5, offset / p**0.5 if bias else None)
    if init == "least_squares":
        return LeastSquares(bias).from_moments(m)
    return assignment(m) if init == "permutation" else Identity().from_moments(m)
