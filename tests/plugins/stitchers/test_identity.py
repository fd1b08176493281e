"""The identity stitch."""

import pytest
import torch
from paired_rows import correlated
from simbench_plugins.stitchers.identity import Identity

from simbench import Inapplicable, Moments


def moments(p, q):
    return Moments.of(*(torch.from_numpy(x) for x in correlated(20, p, q)))


def test_identity_passes_every_channel_on_as_it_is():
    affine = Identity().from_moments(moments(5, 5))
    x = torch.randn(3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(affine(x), x) and affine.bias is None
    assert Identity().family == "identity" and Identity().objective == ""


@pytest.mark.parametrize("p, q", [(4, 7), (7, 4)])
def test_identity_does_not_apply_to_layers_of_different_width(p, q):
    with pytest.raises(Inapplicable, match=f"{p} channels cannot be passed on as {q}"):
        Identity().from_moments(moments(p, q))


def test_identity_residual_of_equal_rows_is_zero_and_of_opposite_rows_four():
    a = torch.from_numpy(correlated(20, 5, 5)[0])
    identity = Identity().from_moments(Moments.of(a, a))
    assert float(Moments.of(a, a).residual(identity)) == pytest.approx(0, abs=1e-12)
    assert float(Moments.of(a, -a).residual(identity)) == pytest.approx(4, abs=1e-12)
