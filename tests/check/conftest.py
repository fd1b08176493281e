"""Other processors, as a plugin under a check meets them."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch

from simbench.check import roundings
from simbench.check.data import seeded
from simbench.moments.pair import Moments

SVD = namedtuple("SVD", ["U", "S", "Vh"])


@pytest.fixture(params=[1, pytest.param(-1, marks=pytest.mark.long)])
def other_processor(request, monkeypatch):
    """Moments are off by a rounding, the same for the same rows; the signs of singular vectors hang on the last bit of
    their singular value."""
    moments, svd = Moments.of, torch.linalg.svd

    def of(a, b, keep_rows=False):
        m = moments(a, b, keep_rows)
        return m if keep_rows else roundings._drawn(m, seeded(2 + request.param))

    def turned(x, full_matrices=True):
        u, s, v = svd(x, full_matrices=full_matrices)
        signs = request.param * torch.where(
            s.view(torch.int64) % 2 == 0, 1, -1
        )  # s in float64, as everywhere in the kit
        return SVD(u, s, v) if full_matrices else SVD(u * signs, s, v * signs[:, None])

    monkeypatch.setattr(Moments, "of", of)
    monkeypatch.setattr(torch.linalg, "svd", turned)
