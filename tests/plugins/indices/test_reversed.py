"""The other way round, s(B -> A) is s with its arguments changed over."""

from __future__ import annotations

import pytest
import torch
from simbench_plugins.indices.reversed import Reversed
from small_networks import installed

from simbench import Claims, Index, Moments, invariant
from simbench.measuring.evaluate import evaluate


def rows(n: int, p: int, q: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(n, p, generator=generator, dtype=torch.float64)
    return a, a[:, :1] + torch.randn(n, q, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("shape", [(40, 5, 3), (12, 30, 3), (12, 3, 30)])  # also where rows are fewer than neurons
@pytest.mark.parametrize("spec", ["r2_lr", "pwcca", "r2_lr[centred=false]", "cka[estimator=debiased]"])
def test_the_value_is_that_of_the_arguments_changed_over(spec, shape):
    index, (a, b) = installed().get("indices", spec), rows(*shape)
    value, other = evaluate(Reversed(index), a, b)[0], evaluate(index, b, a)[0]
    torch.testing.assert_close(value, other, atol=1e-9, rtol=0)


def test_moments_are_swapped_and_so_is_what_makes_them_degenerate():
    index, m = installed().get("indices", "r2_lr"), Moments.of(*rows(5, 4, 2))
    assert Reversed(index).from_moments(m) == index.from_moments(m.swap()) != index.from_moments(m)
    assert index.degenerate(m) and not Reversed(index).degenerate(m) and Reversed(index).degenerate(m.swap())


class Lopsided(Index):
    """Has everything that one side can have and the other not."""

    name, source, max_rows = "lopsided", "made by the tests", 7

    @property
    def claims(self) -> Claims:
        return Claims(-1, invariances_a=invariant("scaling"), invariances_b=invariant("linear"), range=(0, 2))

    def from_samples(self, a, b):
        return (a.sum() - 2 * b.sum()).abs()


def test_claims_change_sides_and_the_rest_stays():
    index = Reversed(Lopsided())
    assert index.claims == Claims(
        -1, invariances_a=invariant("linear"), invariances_b=invariant("scaling"), range=(0, 2)
    )
    assert (index.needs, index.max_rows) == ("samples", 7)
    assert index.from_samples(torch.ones(1), torch.zeros(1)) == 2


@pytest.mark.parametrize(("spec", "prepares"), [("ridge", True), ("jaccard", True), ("r2_lr", False)])
def test_states_are_those_of_the_index_and_are_compared_the_other_way_round(spec, prepares):
    index, (a, b) = installed().get("indices", spec), rows(40, 5, 3)
    back = Reversed(index)
    assert back.prepares is prepares and back.any_precision is index.any_precision
    if prepares:
        wanted = index.compare(index.prepare(b), index.prepare(a))
        assert float(back.compare(back.prepare(a), back.prepare(b))) == float(wanted)
