"""Every index and direct stitcher on the moments of 64-channel layers, from fresh moments each time."""

import pytest
import torch

import simbench
from simbench import Moments
from simbench.contracts import Index, Stitcher

REGISTRY = simbench.load()
METHODS = [
    plugin
    for kind in ("indices", "stitchers")
    for plugin in REGISTRY.select(kind, ["all"])
    if plugin.needs == "moments"
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.spec)
def test_method(benchmark, method):
    rows = torch.randn(4096, 128)
    rows[:, 64:] += rows[:, :64]
    m = Moments.of(rows[:, :64], rows[:, 64:])

    def fresh():
        return (Moments(m.a.forget(), m.b.forget(), m.ab),), {}

    result = benchmark.pedantic(method.from_moments, setup=fresh, rounds=50, warmup_rounds=3)
    assert isinstance(method, Index | Stitcher) and result is not None
