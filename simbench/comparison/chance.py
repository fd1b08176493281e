"""`simbench.null`: one index, by name, on two sets of activations, and what it is by chance."""

from __future__ import annotations

from simbench.comparison.arrays import index_of
from simbench.contracts import Index, Null
from simbench.errors import InputError
from simbench.registry import Registry


def null(
    index: str | Index,
    a,
    b,
    view: str = "spatial",
    permutations: int = 200,
    seed: int = 0,
    registry: Registry | None = None,
    layout: str | tuple[str | None, str | None] | None = None,
) -> Null:
    """Value of an index for activations a -> b of the same inputs, and its values for inputs of b in random orders.

    index, a, b, view, registry, layout: as for `simbench.similarity`, which gives the value. permutations: number of
    random orders. seed: of the orders.

    Whole inputs change places: in view spatial the pixels (or tokens) of an input stay together, each in its position.
    The p-value is at least 1 / (permutations + 1).

    Raises InputError and warns as `simbench.similarity`, and raises InputError for fewer than 4 inputs, and for masked
    values in view spatial of activations with pixels, because inputs then differ in their numbers of rows.

    Source: the calibration by permuted rows of Groger, Wen and Brbic, "Revisiting the Platonic Representation
    Hypothesis: An Aristotelian View" (ICML 2026), which subtracts a quantile of the draws where `Null.calibrated`
    subtracts their mean.

    >>> import torch
    >>> a = torch.randn(40, 512, generator=torch.Generator().manual_seed(0))
    >>> b = torch.randn(40, 512, generator=torch.Generator().manual_seed(1))
    >>> cka = null("cka", a, b)  # of independent numbers
    >>> round(cka.value, 1), round(cka.mean, 1), abs(cka.calibrated) < 0.1
    (0.9, 0.9, True)
    """
    from simbench.measuring import permuted
    from simbench.measuring.evaluate import ground
    from simbench.measuring.value import checked
    from simbench.moments.containers import paired_rows

    index = index_of(index, registry)
    x, y, masked = paired_rows(a, b, view, layout)
    inputs = len(x) if len(a) == len(x) + masked else len(a)
    if masked and inputs != len(x):
        raise InputError(
            f"{masked} rows hold masked values, so that inputs differ in their numbers of rows; in view spatial whole "
            "inputs are permuted: give views 'pooled' or 'flat', or no masked values"
        )
    orders = permuted.orders(inputs, permutations, seed)
    value = checked(index, x, y, masked, 3)
    x, y, m = ground(index, x, y)
    if m is None:
        answers = permuted.of_samples(index, x, lambda order: y[permuted.of_rows(order, len(y))], orders)
    else:
        answers = permuted.of_exact(index, m, orders)
    return permuted.null(index, value, answers)
