"""`simbench.similarity` of tokens whose class tokens are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import simbench
from simbench import InputError

A, B = (torch.randn(40, 10, width, generator=torch.Generator().manual_seed(width)) for width in (5, 4))
LAYOUT = "tokens[prefix=1,grid=3x3]"


def test_view_tokens_leaves_class_tokens_out():
    by_hand = simbench.similarity("cka", A[:, 1:].flatten(0, 1), B[:, 1:].flatten(0, 1))
    assert simbench.similarity("cka", A, B, "tokens", layout=LAYOUT) == pytest.approx(by_hand, abs=1e-12)
    assert simbench.similarity("cka", A, B, "spatial", layout=LAYOUT) != pytest.approx(by_hand, abs=1e-4)
    every = simbench.similarity("cka", A, B, "spatial", layout="ntc")
    assert simbench.similarity("cka", A, B, "tokens", layout="ntc") == every


def test_tokens_pair_with_pixels_row_by_row():
    image = B[:, 1:].mT.reshape(40, 4, 3, 3)
    paired = simbench.similarity("cka", A, image, "tokens", layout=(LAYOUT, "nchw"))
    assert paired == pytest.approx(simbench.similarity("cka", A, B, "tokens", layout=LAYOUT), abs=1e-12)


def test_view_cls_is_the_first_token():
    by_hand = simbench.similarity("cka", A[:, 0], B[:, 0])
    assert simbench.similarity("cka", A, B, "cls", layout="tokens[prefix=2]") == pytest.approx(by_hand, abs=1e-12)


def test_masked_class_tokens_do_not_count_in_view_tokens():
    masked = np.ma.array(A.numpy(), mask=np.zeros(A.shape, bool))
    masked[:, 0] = np.ma.masked
    value = simbench.similarity("cka", masked, B, "tokens", layout=LAYOUT)
    assert value == pytest.approx(simbench.similarity("cka", A, B, "tokens", layout=LAYOUT), abs=1e-12)


@pytest.mark.parametrize(
    ("view", "layout", "message"),
    [
        ("cls", "ntc", r"a: view 'cls' takes the first class token; give a layout such as 'tokens\[prefix=1\]'"),
        ("tokens", "tokens[prefix=1,grid=4x4]", "has 1 [+] 4 x 4 tokens"),
        ("tokens", "tokens[prefix=x]", "layout 'tokens.prefix=x.' is unknown"),
        ("token", LAYOUT, "did you mean 'tokens'"),
    ],
)
def test_bad_input_is_one_line(view, layout, message):
    with pytest.raises(InputError, match=message) as error:
        simbench.similarity("cka", A, B, view, layout=layout)
    assert "\n" not in str(error.value)
