"""Arrays, layers and cases show one value: the three roads on the same inputs."""

import pytest
import torch
from torch import nn

import simbench
from simbench.measuring.value import of_rows

X = torch.randn(24, 5, generator=torch.Generator().manual_seed(0))
CONSTANT, ROUNDED = torch.ones(24, 5), 1 + 1e-7 * X


@pytest.mark.parametrize("x, note", [(CONSTANT, "is constant"), (ROUNDED, "varies by no more than the rounding")])
def test_a_side_that_does_not_vary_is_degenerate_by_every_road(x, note):
    index = simbench.load().get("indices", "cka")
    found = of_rows(index, x, X)
    assert (found.value, found.status) == (None, "degenerate") and note in found.note
    with pytest.raises(simbench.InputError, match=note):
        simbench.similarity(index, x, X)
    frame = simbench.similarities(index, nn.Sequential(Fixed(x)), nn.Sequential(Fixed(X)), [X], ["0"], view="pooled")
    assert frame.loc[0, "status"] == "degenerate" and note in frame.loc[0, "note"]


class Fixed(nn.Module):
    """Gives the same rows whatever it is called with."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self, x):
        return self.x.clone()
