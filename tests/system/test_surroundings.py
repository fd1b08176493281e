"""What a plugin changes of a process lasts as long as the call."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_plugins import Net, SmallPlugins
from spoilers import Spoilers, Spoilt
from spoiling import leave_settings

import simbench
from simbench.contracts import Recipe
from simbench.networks import weights
from simbench.system import ambient
from simbench.system.surroundings import Surroundings, abroad, at_home, known, settle


@pytest.fixture
def unchanged():
    """Whatever the test does, the settings are the same afterwards."""
    before, threads = Surroundings(), os.environ.get("OMP_NUM_THREADS")
    yield
    changed = [name for name in before.restore() if "generator" not in name]
    assert changed in ([], ["os.environ"]) and os.environ.get("OMP_NUM_THREADS") == threads  # pytest names each phase


def test_every_setting_that_code_abroad_leaves_changed_is_named_and_put_back(unchanged):
    with abroad() as changed:
        leave_settings()
    assert {
        "torch's default dtype",
        "torch's number of threads",
        "torch's grad mode",
        "torch's autocast",
        "torch's global generator",
        "numpy's global generator",
        "random's generator",
        "os.environ",
        "the current directory",
        "the filters of warnings",
        "np.seterr",
        "torch's default device",
        "torch.set_flush_denormal",
        "torch's mkldnn_enabled",
        "the global hooks of torch.nn",
        "torch.use_deterministic_algorithms",
        "torch's float32 matmul precision",
    } <= set(changed)


def test_nothing_is_named_where_nothing_is_changed():
    with abroad() as changed:
        pass
    assert changed == []


def test_inference_mode_that_is_kept_on_ends_with_the_call(unchanged):
    with abroad() as changed:
        kept = torch.inference_mode()
        kept.__enter__()
    assert "torch's inference mode" in changed and not torch.is_inference_mode_enabled()
    assert not torch.ones(1).is_inference()


@pytest.mark.parametrize("part", ["python", "numpy", "torch"])
def test_every_knob_reads_what_it_has_written(part):
    for knob in ambient.knobs(part):
        before = knob.read()
        knob.write(before)
        assert knob.same(knob.read(), before), knob.name


def test_the_host_that_a_plugin_calls_runs_in_its_own_surroundings_and_the_plugin_goes_on_in_its(unchanged):
    threads = torch.get_num_threads()
    with torch.no_grad(), abroad():
        torch.set_num_threads(threads + 1)
        torch.set_grad_enabled(True)
        torch.manual_seed(5)
        drawn = torch.rand(3)
        torch.manual_seed(5)
        with at_home():
            assert torch.get_num_threads() == threads and not torch.is_grad_enabled()
            torch.rand(7)
            with abroad(), at_home():  # a plugin within
                assert torch.get_num_threads() == threads
            torch.set_num_threads(threads + 2)
            settle()
            assert torch.get_num_threads() == threads
        assert torch.get_num_threads() == threads + 1 and torch.is_grad_enabled()
        assert torch.equal(torch.rand(3), drawn)


def test_known_surroundings_are_the_same_whatever_was_before(unchanged):
    def drawn() -> tuple:
        with known(123):
            return torch.rand(1).item(), np.random.rand(), random.random(), torch.get_default_dtype()

    first = drawn()
    with abroad():
        leave_settings()
        assert drawn() == first
    with known(124):
        assert torch.rand(1).item() != first[0]


def test_loading_a_package_changes_nothing(unchanged):
    simbench.load([SmallPlugins(), Spoilers()])


def test_a_data_set_and_a_model_change_nothing_but_the_network_they_make(unchanged):
    class Spoiling(Net):
        def build(self, channels, classes):
            torch.set_num_threads(torch.get_num_threads() + 1)
            net = super().build(channels, classes)
            torch.set_grad_enabled(False)
            return net

    plain, spoilt = (
        weights.train(model, Spoilt(), Recipe(epochs=1, batch=32), 0).state_dict() for model in (Net(), Spoiling())
    )
    assert weights.content_hash(plain) == weights.content_hash(spoilt)


@pytest.mark.long
def test_what_a_package_does_to_torch_as_it_imports_it_is_undone():
    code = """
import sys
import simbench
class Package:
    @simbench.hookimpl
    def simbench_indices(self):
        import torch
        global threads
        threads = torch.get_num_threads()
        torch.set_default_dtype(torch.float64), torch.set_num_threads(threads + 3), torch.set_grad_enabled(False)
        return []
assert "torch" not in sys.modules
simbench.load([Package()])
import torch
print(torch.get_default_dtype(), torch.get_num_threads() - threads, torch.is_grad_enabled())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["torch.float32", "0", "True"], done.stderr
