"""Checks of the maps that a stitcher computes from moments."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch
from torch import Tensor

from simbench.check import data
from simbench.check.data import Pair
from simbench.check.outcome import Skip, require
from simbench.check.roundings import roundings
from simbench.check.side_effects import Snapshot, parts, still_generator, untouched
from simbench.check.stitcher.families import MATCHINGS, planted
from simbench.check.stitcher.fits import belong, distance, error, feasible, fit, fits, rank, regular, shaped
from simbench.check.stitcher.rivals import DRAWS, Loss, Rivals, exchanges, moves
from simbench.contracts import Stitcher
from simbench.moments.affine import Affine
from simbench.moments.pair import Moments

#: Largest ||a W + bias - b||^2 / ||b - mean||^2 of an exact solution; rounding alone gives 1e-25.
RECOVERED = 1e-10
#: Rounding error allowed in a loss, and in weights that are solved for on well-conditioned data.
BEATEN, SAME = 1e-12, 1e-8


def family(stitcher: Stitcher) -> str:
    """The map belongs to the family."""
    return belong(stitcher, regular(stitcher))


def widths(stitcher: Stitcher) -> str:
    """Representations of different widths have a map (p, q), whichever side is wider."""
    for pair, affine in fits(stitcher, regular(stitcher)[1:]):
        shaped(affine, pair)
    return "p < q and p > q give maps (p, q)"


def dead_features(stitcher: Stitcher) -> str:
    """Constant features on either side leave the map finite and in its family."""
    return belong(stitcher, [pair for level in (0.1, 1000.0) for pair in data.dead(level)])


def fewer_rows(stitcher: Stitcher) -> str:
    """Fewer rows than features leave the map finite and in its family."""
    return belong(stitcher, data.few_rows())


def recovery(stitcher: Stitcher) -> str:
    """The stitcher recovers a map of its own family exactly."""
    if stitcher.objective not in ("residual", "correlation") and stitcher.family != "identity":
        raise Skip(f"does not minimise the residual, but {stitcher.objective or 'nothing'}")
    largest = 0.0
    for pair, affine in fits(stitcher, feasible(stitcher)):
        p, q = pair.a.shape[1], pair.b.shape[1]
        if stitcher.family == "identity" and p != q:
            continue
        bias = affine.bias is not None or stitcher.family == "affine"
        truth = planted(stitcher.family, p, q, rank(stitcher), bias, data.seeded(16))
        target = Pair(pair.name, pair.a, truth(pair.a))
        left = float(error(fit(stitcher, target), target))
        require(
            left <= RECOVERED, f"b is a {stitcher.family} map of a, but a residual of {left:.3g} is left ({pair.name})"
        )
        largest = max(largest, left)
    return f"planted {stitcher.family} maps are found to a residual of {largest:.2g}"


def optimality(stitcher: Stitcher) -> str:
    """None of the other maps of the family that are tried has a smaller loss.

    The other maps are random ones near and far, maps with one number changed, and steps down the gradient. In a family
    that joins single neurons, no exchange of neurons has a smaller loss, and no other weights and bias have a smaller
    residual.
    """
    if stitcher.objective in ("", "cross_entropy") or stitcher.family == "identity":
        raise Skip(f"nothing that is minimised over maps: objective {stitcher.objective!r} in family {stitcher.family}")
    maps, joins = fits(stitcher, feasible(stitcher)), stitcher.family in MATCHINGS
    for pair, affine in maps:
        residual = partial(error, pair=pair)
        loss = residual if stitcher.objective == "residual" else partial(_loss, stitcher, Moments.of(pair.a, pair.b))
        smooth = residual if joins else loss
        _unbeaten(smooth, affine, moves(stitcher, affine, smooth), pair)
        if joins:
            _unbeaten(loss, affine, exchanges(stitcher, affine), pair)
    return (
        f"the {stitcher.objective} on {len(maps)} pairs is not beaten by {DRAWS} perturbations each of size 1e-4 "
        "to 10, nor of one number, nor down the gradient"
    )


def _loss(stitcher: Stitcher, m: Moments, affine: Affine) -> Tensor:
    """The stitcher's own loss: 0-dim, or (k,) for a stack of k maps."""
    if affine.weight.ndim == 2:
        return stitcher.loss(m, affine)
    biases = [None] * len(affine.weight) if affine.bias is None else affine.bias
    maps = (Affine(weight, bias) for weight, bias in zip(affine.weight, biases, strict=True))
    return torch.stack([stitcher.loss(m, one) for one in maps])


def _unbeaten(loss: Loss, affine: Affine, rivals: Iterable[Rivals], pair: Pair) -> None:
    best = float(loss(affine))
    cases = (case for names, others in rivals for case in zip(names, loss(others).tolist(), strict=True))
    for name, rival in cases:
        require(rival >= best - BEATEN, f"a loss of {best:.9g} is beaten by {rival:.9g}, {name} ({pair.name})")


def merge_order(stitcher: Stitcher) -> str:
    """The order in which batches are merged and the rounding of moments do not change the map."""
    largest = 0.0
    for pair, _ in fits(stitcher, regular(stitcher)):
        first, *others = (stitcher.from_moments(m) for m in roundings(pair))
        for other in others:
            change = distance(first, other)
            require(
                change <= SAME,
                "batches merged in another order, or the last bits of the moments, change the map "
                f"by {change:.2g} ({pair.name})",
            )
            largest = max(largest, change)
    return f"other orders of the batches and other last bits change the map by at most {largest:.2g}"


def inputs_untouched(stitcher: Stitcher) -> str:
    """The call changes no bit of the moments."""
    m, snapshot = _moments(stitcher)
    untouched(stitcher, "from_moments", m)
    stitcher.from_moments(m)
    require(snapshot.unchanged, "from_moments modifies the moments")
    return "the moments are the same after the call"


def deterministic(stitcher: Stitcher) -> str:
    """Two calls with the same moments, and one with a copy of them, give the same bits.

    The call neither uses nor seeds torch's global generator. Moments that the first call modifies are no longer the
    same moments.
    """
    m, snapshot = _moments(stitcher)
    with still_generator("from_moments"):
        first, second, third = (stitcher.from_moments(given) for given in (m, m, _moments(stitcher)[0]))
    for name, other in (("the same moments", second), ("a copy of the same moments", third)):
        change = distance(first, other)
        require(change == 0, f"two calls on {name} differ by {change:.2g}")
    require(snapshot.unchanged, "from_moments modifies the moments, so that a second call computes from other numbers")
    return "two calls give the same map"


def _moments(stitcher: Stitcher) -> tuple[Moments, Snapshot]:
    """New moments, and a snapshot of them."""
    pair = regular(stitcher)[0]
    m = Moments.of(pair.a, pair.b)
    return m, Snapshot(parts(m))
