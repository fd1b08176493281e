"""Test representations are drawn once, and belong to the check that asks for them."""

from __future__ import annotations

import pytest
import torch

from simbench.check import data
from simbench.check.stitcher import task


def test_a_pair_that_is_written_to_is_as_before_for_the_next_check():
    first = data.related(5, 8, seed=2)
    before = first.a.clone()
    first.a.zero_()
    assert torch.equal(data.related(5, 8, seed=2).a, before) and not torch.equal(before, first.a)


def test_a_task_that_is_written_to_is_as_before_for_the_next_check(registry):
    stitcher = registry.get("stitchers", "task_loss")
    first = task.task_for(stitcher, task.EQUAL)
    before = first.activations.clone(), first.end[1].weight.clone()
    first.activations.zero_()
    first.end[1].weight.zero_()
    second = task.task_for(stitcher, task.EQUAL)
    assert torch.equal(second.activations, before[0]) and torch.equal(second.end[1].weight, before[1])


@pytest.fixture
def default_dtype():
    """A function that sets torch's default dtype, which is restored in the end."""
    before = torch.get_default_dtype()
    yield torch.set_default_dtype
    torch.set_default_dtype(before)


def test_what_is_drawn_first_under_other_settings_is_what_is_drawn_without(registry, default_dtype):
    stitcher, sizes = registry.get("stitchers", "task_loss"), (4, 9)  # of widths that no check asks for
    default_dtype(torch.float64)
    with torch.inference_mode():
        data.related(*sizes, seed=1)
        task.task_for(stitcher, sizes)
    default_dtype(torch.float32)
    later = task.task_for(stitcher, sizes)
    assert later.end[1].weight.dtype == torch.float32 and not later.end[1].weight.is_inference()
    assert not later.activations.is_inference() and not data.related(*sizes, seed=1).a.is_inference()
