"""Affine: the stitching layer."""

import re

import pytest
import torch

from simbench import Affine, InputError
from simbench.moments.views import LAYOUTS


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


# -- layouts -----------------------------------------------------------------------------------------------------


def axes(layout, p, n=6, h=4, w=3, d=2):
    """Sizes of activations of p channels in a layout."""
    return tuple({"n": n, "c": p, "h": h, "w": w, "t": h, "d": d}[axis] for axis in layout)


@pytest.mark.parametrize("bias", [None, normal(5)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_affine_moves_the_channels_of_every_layout_row_by_row(layout, bias):
    x, weight, at = normal(*axes(layout, 3)), normal(3, 5), layout.index("c")
    rows = [row @ weight + (0 if bias is None else bias) for row in x.movedim(at, -1).reshape(-1, 3)]
    expected = torch.stack(rows).reshape(*x.movedim(at, -1).shape[:-1], 5).movedim(-1, at)
    found = Affine(weight, bias)(x, layout)
    assert found.shape == axes(layout, 5)
    assert torch.allclose(found, expected, atol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_axes_of_one_size_are_not_mixed_up(layout):
    """n = c = h = w = t: only the layout tells which axis holds the channels."""
    x, weight = normal(*axes(layout, 4, 4, 4, 4, 4)), normal(4, 4)
    expected = torch.tensordot(x, weight, ([layout.index("c")], [0])).movedim(-1, layout.index("c"))
    assert torch.allclose(Affine(weight)(x, layout), expected, atol=1e-14)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_several_maps_move_the_channels_of_every_layout(layout):
    several, x = Affine(normal(2, 3, 5), normal(2, 5)), normal(*axes(layout, 3))
    found = several.each(x, layout)
    for k in range(2):
        assert torch.equal(found[k], Affine(several.weight[k], several.bias[k])(x, layout))


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        (None, (7, 3)),
        ("nc", (7, 3)),
        ("nchw", (2, 3, 2, 2)),
        ("nhwc", (2, 2, 2, 3)),
        ("ntc", (2, 3, 3)),
        ("nct", (2, 3, 3)),
    ],
)
def test_gradients_flow_to_activations_and_map_in_every_layout(layout, shape):
    def moved(x, weight, bias):
        return Affine(weight, bias)(x, layout)

    parts = normal(*shape), normal(3, 5), normal(5)
    assert torch.autograd.gradcheck(moved, [part.requires_grad_() for part in parts])


@pytest.mark.long
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_compiled_affine_is_the_same(layout):
    affine, x = Affine(normal(3, 5), normal(5)), normal(*axes(layout, 3))
    compiled = torch.compile(lambda x: affine(x, layout), backend="eager", fullgraph=True)
    assert torch.equal(compiled(x), affine(x, layout))


@pytest.mark.parametrize(
    ("shape", "layout", "said"),
    [
        (
            (3, 3, 3),
            None,
            "activations have shape (3, 3, 3); allowed are (n, c) and (n, c, h, w), or a layout that says "
            "which axis holds the channels: 'ntc' (n, t, c) or 'nct' (n, c, t)",
        ),
        ((3,), None, "activations have shape (3,)"),
        ((7, 3), "nhwc", "layout 'nhwc' is (n, h, w, c); give 4 axes"),
        ((7, 3), "cn", "layout 'cn' is unknown; did you mean 'nc'"),
        ((7, 4), None, "x has shape (7, 4), which has 4 channels as nc (n, c), and the map takes 3 to 5"),
        (
            (2, 4, 4, 3),
            None,
            "x has shape (2, 4, 4, 3), which has 4 channels as nchw (n, c, h, w), and the map takes 3 to "
            "5; layout='nhwc' has as many",
        ),
        ((2, 3, 4), "ntc", "the map takes 3 to 5; layout='nct' has as many"),
    ],
)
def test_activations_that_a_map_does_not_apply_to_are_refused_in_one_line(shape, layout, said):
    with pytest.raises(InputError, match=re.escape(said)) as error:
        Affine(normal(3, 5))(normal(*shape), layout)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=re.escape(said)):
        Affine(normal(2, 3, 5)).each(normal(*shape), layout)


@pytest.mark.parametrize(
    ("affine", "x", "said"),
    [
        (Affine(normal(2, 3, 5)), normal(7, 3), "(2, 3, 5) is the weight of several maps; each(x)"),
        (Affine(normal(3, 5)), torch.ones(7, 3, dtype=int), "x is torch.int64; give activations of floats"),
        (Affine(normal(3, 5)), torch.ones(7, 3, device="meta"), "x is on meta and the map on cpu; bring them together"),
        (Affine(normal(3, 5)), normal(7, 3).numpy(), "x is a ndarray; give a torch tensor"),
    ],
)
def test_a_map_and_activations_of_other_kinds_are_refused_in_one_line(affine, x, said):
    with pytest.raises(InputError, match=re.escape(said)) as error:
        affine(x)
    assert "\n" not in str(error.value)


def test_one_map_is_not_each_of_several():
    with pytest.raises(InputError, match=r"weight \(k, p, q\); given \(3, 5\): call it on x"):
        Affine(normal(3, 5)).each(normal(7, 3))


def test_a_map_runs_in_the_dtype_of_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        assert Affine(normal(3, 5).float())(normal(7, 3).bfloat16()).dtype == torch.bfloat16


# -- by hand -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_map_follows_the_dtype_of_its_activations(dtype):
    weight, bias, x = normal(3, 5), normal(5), normal(6, 3).to(dtype)
    found = Affine(weight, bias)(x)
    assert found.dtype == dtype and torch.equal(found, Affine(weight.to(dtype), bias.to(dtype))(x))
    assert Affine(weight, bias).float().weight.dtype == torch.float32


def test_tokens_need_no_layout_where_only_the_last_axis_fits():
    tokens = normal(2, 5, 192).float()
    assert torch.equal(Affine.identity(192)(tokens), tokens)
    with pytest.raises(InputError, match="layout"):
        Affine.identity(5)(normal(2, 5, 5))
    with pytest.raises(InputError, match="layout"):
        Affine.identity(5)(tokens)
