"""Inputs: drawn from a split, normalised and augmented."""

import tracemalloc

import numpy as np
import pytest
import torch

from simbench.contracts import Split
from simbench.networks.inputs import augmented, draw, normalised


def split(n: int = 20) -> Split:
    images = np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 5, 4), np.uint8)
    return Split(images, np.arange(n))


def test_all_images_are_taken_below_the_limit():
    images, labels = draw(split(), 20, 0)
    assert labels.tolist() == list(range(20)) and images.shape == (20, 3, 5, 4)


def test_a_drawn_sample_is_seeded_sorted_and_without_repeats():
    images, labels = draw(split(), 7, 3)
    assert len(set(labels.tolist())) == 7 and labels.tolist() == sorted(labels.tolist())
    assert torch.equal(images[:, 0, 0, 0].long(), labels)
    assert torch.equal(draw(split(), 7, 3)[1], labels) and not torch.equal(draw(split(), 7, 4)[1], labels)


@pytest.mark.parametrize("limit", [1000, 10**6])
def test_images_lie_channels_last_and_are_copied_a_batch_at_a_time(limit):
    given = split(1500)
    given.inputs.setflags(write=False)  # as of a memory map
    tracemalloc.start()
    images, labels = draw(given, limit, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert images.is_contiguous(memory_format=torch.channels_last) and images.dtype == torch.uint8
    assert torch.equal(images, torch.tensor(given.inputs[labels.numpy()]))
    assert peak < images.nbytes  # numpy's share: a batch of images and the labels; torch's own is not traced


def test_normalised_is_the_share_of_255_less_mean_over_std(small_registry):
    dataset = small_registry.get("datasets", "blobs")
    x = normalised(torch.tensor([[[[0, 255]]]], dtype=torch.uint8), dataset)
    assert x.dtype == torch.float32
    assert x.flatten().tolist() == pytest.approx([(0 - 0.3) / 0.2, (1 - 0.3) / 0.2])


def test_augmentation_shifts_by_at_most_four_and_mirrors_half():
    one = torch.zeros(400, 1, 16, 16, dtype=torch.uint8)
    one[:, 0, 7, 5] = 200
    moved = augmented(one, torch.Generator().manual_seed(0))
    assert moved.shape == one.shape and moved.dtype == torch.uint8
    rows, columns = moved.flatten(1).argmax(1) // 16, moved.flatten(1).argmax(1) % 16
    assert (moved.flatten(1).sum(1) == 200).all()
    assert rows.min() == 3 and rows.max() == 11
    plain = columns <= 9  # 5 - 4 .. 5 + 4 as it is; mirrored it is 10 - 4 .. 10 + 4, so below 6 only unmirrored
    assert columns.min() == 1 and columns.max() == 14 and 0.4 < plain.float().mean() < 0.85
    only = augmented(one, torch.Generator().manual_seed(0))
    assert torch.equal(only, moved)


def test_padding_of_the_augmentation_is_black():
    white = torch.full((200, 1, 8, 8), 255, dtype=torch.uint8)
    assert (augmented(white, torch.Generator().manual_seed(0)) == 0).any()
