"""The rank of float32 activations is that of what computes them, and not a matter of rounding."""

from __future__ import annotations

from pathlib import Path

import pytest
import simbench_plugins
import torch
from safetensors.torch import load_file

from simbench.moments import views
from simbench.moments.basis import MARGIN, rank_of
from simbench.moments.scatter import Scatter
from simbench.networks import inputs

FLOAT32 = torch.finfo(torch.float32).eps


@pytest.fixture(scope="module")
def first_layers(registry) -> dict[str, torch.Tensor]:
    """Seed -> activations at bn1 (360 * 32 * 32, 16) of four networks of tiny10-digits-1."""
    digits = registry.get("datasets", "digits")
    states = load_file(Path(simbench_plugins.__file__).parent / "panels" / "tiny10-digits-1.safetensors")
    images = inputs.normalised(inputs.pixels(digits.split("test").inputs, digits.range), digits, "cpu")
    net = registry.get("models", "tiny10").build(1, 10).eval()
    found = {}
    for seed in sorted({name.split("/")[0] for name in states})[:4]:
        net.load_state_dict(
            {name.removeprefix(f"{seed}/"): x.float() for name, x in states.items() if name.startswith(f"{seed}/")},
            strict=False,
        )
        with torch.no_grad():
            found[seed] = views.rows(net.bn1(net.conv1(images)), "spatial")
    return found


def test_sixteen_channels_of_a_kernel_of_nine_pixels_have_rank_nine(first_layers):
    """bn1 of a Tiny-10 on grey images is a linear map of 3 x 3 pixels. The other seven directions are rounding: up to
    1.4 times p epsilon squared of the largest, so that without the margin half of the networks had rank 10."""
    ranks = {seed: Scatter.of(rows.double(), eps=FLOAT32).whitened.rank for seed, rows in first_layers.items()}
    assert ranks == dict.fromkeys(ranks, 9) and len(ranks) == 4


def test_the_margin_is_that_of_float32_rows_alone():
    floor = 16 * FLOAT32**2
    values = torch.tensor([1.0, 1.01 * MARGIN * floor, 0.99 * MARGIN * floor], dtype=torch.float64)
    assert rank_of(values, 100, 16, FLOAT32, squared=True) == 2
    assert rank_of(values, 100, 16, 2.0**-52, squared=False) == 3
