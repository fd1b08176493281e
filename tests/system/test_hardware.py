"""Processors and memory, of the machine and of a container."""

from __future__ import annotations

import os

import pytest

from simbench.system.hardware import memory, physical, processors


def test_without_limits_it_is_the_machine(tmp_path):
    assert processors(tmp_path) == len(os.sched_getaffinity(0)) and memory(tmp_path) == physical() > 2**28


@pytest.mark.parametrize(
    ("quota", "number"), [("50000 100000", 1), ("100000 100000", 1), ("max 100000", None), ("", None)]
)
def test_the_share_of_a_container_limits_processors(tmp_path, quota, number):
    (tmp_path / "cpu.max").write_text(quota)
    assert processors(tmp_path) == (number or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
def test_the_limit_of_a_container_is_its_memory(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    for text, wanted in (("1048576\n", 2**20), (f"{2**60}\n", physical()), ("max\n", physical())):
        file.write_text(text)
        assert memory(tmp_path) == wanted
