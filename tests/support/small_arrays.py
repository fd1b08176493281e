"""Arrays of which the value of an index is known, and the line in which others are refused."""

import warnings

import numpy as np
import pytest
from paired_rows import correlated

from simbench import InputError, similarity

#: Eighths: every kind below holds them exactly, so that values agree to the last digits.
A, B = (np.round(8 * x) / 8 for x in correlated(40, 5, 7))
RNG = np.random.default_rng(0)
MAPS_A, MAPS_B = RNG.normal(size=(12, 4, 3, 2)), RNG.normal(size=(12, 6, 3, 2))
MAPS_B[:, :4] += MAPS_A
VALUE = similarity("cka", A, B)
ANY_MOVE = pytest.approx(VALUE, abs=1e-12)  # of integers made of eighths: cka ignores shifts and scales


def refused(*given, index="cka", **options):
    with pytest.raises(InputError) as error:
        similarity(index, *given, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def quietly(make):
    """What `make` gives, without what torch says of kinds of tensors that are not finished or deprecated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()
