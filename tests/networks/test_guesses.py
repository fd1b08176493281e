"""Inputs for networks of which nothing is said."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from simbench.networks.guesses import guesses


class Sentence(nn.Module):
    """Tokens at eight places at most."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.place, self.head = nn.Embedding(50, 6), nn.Embedding(8, 6), nn.Linear(6, 3)

    def forward(self, ids):
        return self.head((self.token(ids) + self.place(torch.arange(ids.shape[1]))).mean(1))


def first_taken(net: nn.Module, sizes=((32, 32), (224, 224))) -> tuple[int, ...]:
    for x in guesses(net, sizes):
        try:
            net(x)
        except Exception:
            continue
        return tuple(x.shape)
    raise AssertionError("no input is taken")


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Conv2d(1, 2, 3), (2, 1, 32, 32)),
        (nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 222 * 222, 1)), (2, 3, 224, 224)),
        (nn.Conv1d(5, 2, 3), (2, 5, 16)),
        (nn.Conv1d(5, 2, 100), (2, 5, 128)),
        (nn.Conv3d(2, 2, 3), (2, 2, 16, 16, 16)),
        (nn.Sequential(nn.Linear(20, 4), nn.ReLU()), (2, 20)),
        (Sentence(), (2, 4)),
    ],
)
def test_a_network_takes_one_of_the_guesses(net, shape):
    assert first_taken(net) == shape
