"""What a run asks of an executor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_requests import SMALL, go

from simbench.runs.job import prepare
from simbench.runs.planning.needs import ENOUGH, LEAST, TRAINING, divided, needed


def test_it_counts_what_is_to_be_trained_and_measured(small_registry, tmp_path, monkeypatch):
    """A case of which nothing is known counts a second; what is on record counts nothing."""
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    request = replace(SMALL, results=tmp_path / "results", threads=3)
    need = needed(prepare(request, small_registry))
    assert (need.tasks, need.threads, need.gpu) == (18, 3, False) and 2 * TRAINING < need.seconds < ENOUGH
    go(request, small_registry)
    assert needed(prepare(request, small_registry)).seconds == 0.0
    again = needed(prepare(replace(request, force=True), small_registry))
    assert again.tasks == 18 and 0 < again.seconds < need.seconds - 2 * TRAINING + 1


@pytest.mark.parametrize(
    ("memory", "number", "each"), [(2**30, 1, 2**30), (2**30, 2, 2**28), (2**20, 4, 2**20), (2**29, 4, LEAST)]
)
def test_processes_divide_half_of_the_memory(memory, number, each):
    assert divided(memory, number) == each
