"""Energy of stitched activations outside the principal subspace of Model 2's own activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench import Row, Undefined

if TYPE_CHECKING:
    from torch import Tensor

    from simbench import Bench, Case

#: Share of the variance of Model 2's train activations that the principal subspace holds, at least.
VARIANCE = 0.99


def energy_outside(case: Case, bench: Bench) -> list[Row]:
    """Rows `energy_outside` of the stitched activations S, `own_energy_outside` of Model 2's own, and the relative
    accuracy of the stitch.

    E(S) = sum |(s - m)(I - V V^T)|^2 / sum |s - m|^2 over the rows s of the test images in view spatial, where m is the
    mean of Model 2's train activations and V their first principal components that hold 99 % of the variance. Direct
    matching stays near this subspace; a stitch that is trained on the task may leave it, and stitched activations are
    then none that Model 2 has ever seen. Undefined where b does not vary.
    """
    import torch

    train, test = (bench.moments(case, split, "spatial") for split in ("train", "test"))
    variances, directions = torch.linalg.eigh(train.bb)
    variances, directions = variances.flip(0).clamp_min(0), directions.flip(1)
    if float(variances.sum()) == 0:
        raise Undefined(f"{case.layer_b} of {case.b.name} is constant over the train images")
    count = int((variances.cumsum(0) / variances.sum() < VARIANCE).sum()) + 1
    inside = directions[:, :count]
    affine = bench.fit(case.method, case)
    moved = test.through(affine)
    (score,) = [row for row in bench.scored(bench.logits(affine, case), case) if row.quantity == "relative_accuracy"]
    return [
        Row("energy_outside", _share(moved.aa, moved.n, moved.mean_a - train.mean_b, inside)),
        Row("own_energy_outside", _share(test.bb, test.n, test.mean_b - train.mean_b, inside)),
        score,
    ]


def _share(scatter: Tensor, n: int, offset: Tensor, inside: Tensor) -> float:
    """Share outside the span of `inside` (q, k) of the second moment about a point that is off the mean by -offset."""
    moment = scatter + n * offset[:, None] * offset
    total = float(moment.trace())
    if total == 0:
        raise Undefined("the activations do not differ from the mean of Model 2's own")
    return min(max(1 - float((inside.mT @ moment @ inside).trace()) / total, 0.0), 1.0)
