"""One results folder knows one network by one name: a checkpoint of a known name with other weights is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_requests import SMALL, go

from simbench.errors import InputError
from simbench.runs.job import prepare


@pytest.fixture
def saved(small_registry, tmp_path):
    """saved(path, seed): a checkpoint of `net`, initialised from the seed, and its path as text."""
    data, model = small_registry.get("datasets", "blobs"), small_registry.get("models", "net")

    def saved(path: str, seed: int) -> str:
        torch.manual_seed(seed)
        (tmp_path / path).parent.mkdir(exist_ok=True)
        torch.save(model.build(data.channels, data.classes).state_dict(), tmp_path / path)
        return str(tmp_path / path)

    return saved


@pytest.fixture
def asked(tmp_path, cache):
    return replace(SMALL, seeds=None, indices=("cka",), stitchers=("identity",), layers="bn1", results=tmp_path / "r")


def test_a_checkpoint_of_a_known_name_with_other_weights_is_refused(saved, asked, small_registry):
    first = replace(asked, weights=(saved("x/last.pt", 1), saved("x/best.pt", 2)))
    go(first, small_registry)
    other = saved("y/last.pt", 3)
    with pytest.raises(InputError, match=r"y/last.pt' is not the 'last' of net that '.*/r' holds, .* rename"):
        prepare(replace(asked, weights=(other, saved("y/next.pt", 4))), small_registry)
    same = replace(asked, weights=(saved("z/last.pt", 1), saved("z/best.pt", 2)))
    assert prepare(same, small_registry).pending == 0, "the same weights elsewhere"
    assert prepare(replace(asked, weights=(saved("y/a.pt", 3), saved("y/b.pt", 4))), small_registry).pending
    assert prepare(replace(asked, seeds="2"), small_registry).untrained == 2, "trained ones are named by seed"
