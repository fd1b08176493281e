"""Views: how (n, c, h, w) becomes rows."""

import pytest
import torch

from simbench import InputError
from simbench.moments.views import VIEWS, rows

X = torch.arange(2 * 3 * 4 * 5, dtype=torch.float64).reshape(2, 3, 4, 5)


def test_a_row_of_the_spatial_view_is_a_pixel_of_an_image():
    found = rows(X, "spatial")
    assert found.shape == (40, 3)
    for n in range(2):
        for h in range(4):
            for w in range(5):
                assert torch.equal(found[(n * 4 + h) * 5 + w], X[n, :, h, w])


def test_a_row_of_the_flat_view_is_an_image_with_all_its_neurons():
    found = rows(X, "flat")
    assert found.shape == (2, 60)
    assert torch.equal(found[1], torch.stack([X[1, c, h, w] for c in range(3) for h in range(4) for w in range(5)]))


def test_a_row_of_the_pooled_view_holds_the_channel_means_of_an_image():
    found = rows(X, "pooled")
    assert found.shape == (2, 3)
    assert float(found[1, 2]) == pytest.approx(float(sum(X[1, 2, h, w] for h in range(4) for w in range(5)) / 20))


@pytest.mark.parametrize(
    "dtype, kept",
    [
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.float32, torch.float32),
        (torch.float64, torch.float64),
    ],
)
def test_channel_means_are_taken_in_float64_and_rounded_once(dtype, kept):
    x = (1000 + torch.randn(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))).to(dtype)
    assert torch.equal(rows(x, "pooled"), x.double().mean((2, 3)).to(kept))
    large = 1e300 if dtype == torch.float64 else torch.finfo(dtype).max / 2  # in their dtype, the sum of 64 overflows
    huge = torch.full((2, 1, 8, 8), large, dtype=dtype)
    assert torch.equal(rows(huge, "pooled"), huge[:, :, 0, 0].to(kept))


@pytest.mark.parametrize("view", VIEWS)
def test_vectors_are_rows_as_they_are_in_every_view(view):
    x = X.reshape(8, 15)
    assert rows(x, view) is x


@pytest.mark.parametrize("view", VIEWS)
def test_rows_do_not_depend_on_the_memory_format(view):
    assert torch.equal(rows(X.to(memory_format=torch.channels_last), view), rows(X, view))


def test_an_unknown_view_is_an_input_error_with_near_matches():
    with pytest.raises(InputError, match="view 'spacial' is unknown; did you mean 'spatial'"):
        rows(X, "spacial")


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4), (1, 2, 3, 4, 5)])
def test_other_ranks_are_rejected(shape):
    with pytest.raises(InputError) as error:
        rows(torch.zeros(shape), "flat")
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("layout", "order"), [("nhwc", (0, 2, 3, 1)), ("nchw", (0, 1, 2, 3))])
def test_rows_follow_from_what_the_axes_mean(view, layout, order):
    assert torch.equal(rows(X.permute(order).contiguous(), view, layout), rows(X, view))


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("layout", "order"), [("ntc", (0, 2, 1)), ("nct", (0, 1, 2))])
def test_tokens_are_pixels_in_a_row(view, layout, order):
    pixels = X.flatten(2)
    assert torch.equal(rows(pixels.permute(order).contiguous(), view, layout), rows(pixels[..., None], view))


def test_three_axes_are_asked_about_and_never_guessed():
    with pytest.raises(InputError, match=r"layout that says which axis holds the channels: 'ntc' .* or 'nct'"):
        rows(X[0], "spatial")


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("nwhc", "layout 'nwhc' is unknown; did you mean 'nhwc'"),
        (["nhwc"], r"layout \['nhwc'\] is unknown; did you mean 'nhwc'"),
        ("ntc", r"layout 'ntc' is \(n, t, c\); give 3 axes"),
    ],
)
def test_a_layout_that_does_not_fit_is_an_input_error(layout, said):
    with pytest.raises(InputError, match=said):
        rows(X, "spatial", layout)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_channel_means_of_many_inputs_are_those_of_each_to_the_last_bit(layout):
    x = torch.randn(70, 32, 16, 16, generator=torch.Generator().manual_seed(0)).contiguous(memory_format=layout)
    means = rows(x, "pooled")
    assert torch.equal(means, x.mean((2, 3), dtype=torch.float64).float())
    assert torch.equal(means, torch.cat([rows(one, "pooled") for one in x.split(1)]))
