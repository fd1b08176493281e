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


class Attention(nn.Module):
    """Of images, with a convolution over channels that is registered before that of images."""

    def __init__(self) -> None:
        super().__init__()
        self.over, self.stem = nn.Conv1d(1, 1, 3, padding=1), nn.Conv2d(3, 8, 3)

    def forward(self, x):
        x = self.stem(x)
        return x * self.over(x.mean((2, 3))[:, None])[:, 0].sigmoid()[:, :, None, None]


class Padded(nn.Module):
    """Of texts, in which id 0 is padding: at least one token must be none."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(5, 4, padding_idx=0), nn.Linear(4, 3)

    def forward(self, ids):
        if not (ids != 0).any(1).all():
            raise ValueError("nothing to read")
        return self.head(self.table(ids).mean(1))


def first_taken(net: nn.Module, sizes=((32, 32), (224, 224)), size=None) -> tuple[int, ...]:
    for x in guesses(net, sizes, size):
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
        (Padded(), (2, 16)),
        (Attention(), (2, 3, 32, 32)),
    ],
)
def test_a_network_takes_one_of_the_guesses(net, shape):
    assert first_taken(net) == shape


@pytest.mark.parametrize(
    ("net", "shape"),
    [
        (nn.Conv2d(3, 2, 3), (2, 3, 50, 50)),
        (nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten(), nn.Linear(4 * 48, 3)), (2, 2, 50)),
        (nn.Embedding(9, 3), (2, 50)),
    ],
)
def test_a_size_that_is_given_is_the_only_one(net, shape):
    assert first_taken(net, size=50) == shape
    assert {max(x.shape[2:] or x.shape[1:]) for x in guesses(net, ((32, 32),), 50)} == {50}


def test_a_row_of_linear_maps_does_not_take_vectors_where_a_size_is_given():
    with pytest.raises(AssertionError, match="no input is taken"):
        first_taken(nn.Sequential(nn.Flatten(), nn.Linear(3072, 4)), size=16)
