"""Affine: the stitching layer."""

import re

import pytest
import torch

from simbench import Affine, InputError


def normal(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("bias", [None, normal(5)])
def test_affine_on_rows_is_x_times_weight_plus_bias(bias):
    x, weight = normal(7, 3), normal(3, 5)
    expected = torch.stack([sum(row[i] * weight[i] for i in range(3)) + (0 if bias is None else bias) for row in x])
    assert torch.allclose(Affine(weight, bias)(x), expected, atol=1e-14)


@pytest.mark.parametrize("bias", [None, normal(5)])
def test_affine_on_maps_is_the_same_map_at_every_pixel(bias):
    x, affine = normal(2, 3, 4, 6), Affine(normal(3, 5), bias)
    found = affine(x)
    assert found.shape == (2, 5, 4, 6)
    assert torch.allclose(found[1, :, 2, 5], affine(x[1:, :, 2, 5])[0], atol=1e-14)
    assert torch.allclose(found.permute(0, 2, 3, 1).reshape(-1, 5), affine(x.permute(0, 2, 3, 1).reshape(-1, 3)))


@pytest.mark.parametrize("p, q", [(4, 4), (3, 5), (5, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_identity_passes_channels_on_pads_with_zeros_and_drops_the_rest(p, q, bias):
    x, affine = normal(6, p), Affine.identity(p, q, bias, dtype=torch.float64)
    k = min(p, q)
    assert torch.equal(affine(x)[:, :k], x[:, :k]) and affine(x)[:, k:].eq(0).all()
    assert (affine.bias is not None) == bias


def test_moving_to_another_dtype_leaves_the_original():
    affine = Affine(normal(2, 3), normal(3))
    moved = affine.to(torch.float32)
    assert moved.weight.dtype == moved.bias.dtype == torch.float32
    assert affine.weight.dtype == torch.float64 and Affine(normal(2, 3)).to(torch.float32).bias is None


@pytest.mark.parametrize("weight, bias", [((3,), None), ((3, 5), (3,)), ((3, 5), (1, 5)), ((2, 3, 5), (5,))])
def test_shapes_that_are_no_affine_map_are_rejected(weight, bias):
    message = re.escape(f"weight (..., p, q) and bias (..., q) or None; given {weight} and {bias}")
    with pytest.raises(InputError, match=message):
        Affine(torch.zeros(weight), None if bias is None else torch.zeros(bias))


def test_several_maps_share_one_affine_with_leading_dimensions():
    assert Affine(normal(2, 3, 5), normal(2, 5)).weight.shape == (2, 3, 5)
