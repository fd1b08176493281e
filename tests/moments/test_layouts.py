"""A layout says where the channels are, and a view which rows they make."""

import numpy as np
import pytest
from small_arrays import MAPS_A, MAPS_B, A, B, refused

from simbench import similarity

# -- layouts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("view", ["spatial", "flat", "pooled"])
def test_a_layout_says_where_the_channels_are(view):
    a, b = np.moveaxis(MAPS_A, 1, 3), np.moveaxis(MAPS_B, 1, 3)
    value = pytest.approx(similarity("cka", MAPS_A, MAPS_B, view=view), abs=1e-12)
    assert similarity("cka", a, b, view=view, layout="nhwc") == value
    assert similarity("cka", MAPS_A, b, view=view, layout=("nchw", "nhwc")) == value
    assert similarity("cka", a, MAPS_B, view=view, layout=["nhwc", None]) == value
    tokens = MAPS_A.reshape(12, 4, 6), np.moveaxis(MAPS_B.reshape(12, 6, 6), 1, 2)
    assert similarity("cka", *tokens, view=view, layout=("nct", "ntc")) == value


def test_three_axes_without_a_layout_are_asked_about():
    assert "layout='ntc' or layout='nct', which says what the axes are" in refused(MAPS_A[..., 0], MAPS_B[..., 0])


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ("nwhc", "layout 'nwhc' is unknown; did you mean 'nhwc'"),
        ("NHWC", "layout 'NHWC' is unknown; did you mean 'nhwc'"),
        (("nchw", "channels_last"), "layout 'channels_last' is unknown; allowed: nc, ncdhw, nchw"),
        ("ntc", "a: activations have shape (12, 4, 3, 2) and layout 'ntc' is (n, t, c)"),
        (("nchw", "nc"), "b: activations have shape (12, 6, 3, 2) and layout 'nc' is (n, c)"),
        (("nhwc",), "layout is ('nhwc',); give one of 'nc'"),
        (4, "layout is 4; give one of"),
    ],
)
def test_layouts_that_do_not_fit_are_refused_with_what_is_allowed(layout, said):
    assert said in refused(MAPS_A, MAPS_B, layout=layout)


@pytest.mark.parametrize(
    ("view", "said"), [("Spatial", "did you mean 'spatial'"), (None, "allowed: cls, flat, pooled, spatial, tokens")]
)
def test_views_that_are_unknown_are_refused_with_near_matches(view, said):
    assert said in refused(A, B, view=view)
