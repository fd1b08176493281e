"""A model that kills its process when it is built, cut or trained: the next run names it, and where it is a training
goes on without that network."""

from __future__ import annotations

import faulthandler
import os
import signal
from dataclasses import replace

import pytest
from small_requests import SMALL, go

from simbench import InputError
from simbench.runs.job import prepare
from simbench.runs.whole import run
from simbench.system.cache import cache_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

MODULE = """
import os, signal, torch, simbench
from small_plugins import Net, SmallPlugins
from torch import nn

def die(where):
    if os.environ.get("DEADLY") == where:
        os.kill(os.getpid(), signal.SIGSEGV)

class Deadly(nn.Identity):
    def forward(self, x):
        if isinstance(x, torch.fx.Proxy):
            die("trace")
        else:
            die("train" if self.training and len(x) > 8 else "cut")
        return x

class Fatal(Net):
    name = "fatal"

    def build(self, channels, classes):
        die("build")
        net = super().build(channels, classes)
        net.relu1 = nn.Sequential(nn.ReLU(), Deadly())
        return net

class Plugins(SmallPlugins):
    @simbench.hookimpl
    def simbench_models(self):
        return [Net(), Fatal()]
"""
SEGV = r"kills its process \(signal 11, SIGSEGV\)"


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """What is installed, with a model that kills its process where the variable DEADLY says."""
    import simbench

    (tmp_path / "fatal_model.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "fatal_model", raising=False)
    import fatal_model

    return simbench.load([fatal_model.Plugins()])


@pytest.fixture
def asked(tmp_path, cache):
    return replace(SMALL, models=("net,fatal",), layers="bn1,conv2", results=tmp_path / "results")


def died(request, registry) -> int:
    """The exit code of a process that runs the request."""
    child = os.fork()
    if not child:
        faulthandler.disable()
        go(request, registry)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.long
def test_a_model_that_kills_when_it_is_built_is_named(asked, registry, monkeypatch):
    monkeypatch.setenv("DEADLY", "build")
    assert died(asked, registry) == -signal.SIGSEGV
    with pytest.raises(InputError, match=rf"^model fatal cannot be built for .* of blobs \(that {SEGV}\); choose"):
        prepare(asked, registry)
    monkeypatch.delenv("DEADLY")
    assert prepare(asked, registry).untrained == 4 and not cache_folder("started").exists()


@pytest.mark.long
def test_networks_whose_training_kills_are_left_out_and_named(asked, registry, monkeypatch):
    monkeypatch.setenv("DEADLY", "train")
    assert died(asked, registry) == -signal.SIGSEGV
    outcome = run(asked, registry=registry)
    lost = "fatal-{} on blobs is left out: its training kills its process (signal 11, SIGSEGV)"
    assert outcome.lost == (lost.format(0), lost.format(1)) and not outcome.ok and lost.format(0) in outcome.below
    assert outcome.measured and set(outcome.measurements["model_a"]) == {"net"} and outcome.measurements["value"].any()
    with pytest.raises(InputError, match=r"^fatal-0 on blobs is left out: .*; without it, no case is left$"):
        run(replace(asked, models=("fatal",)), registry=registry)
    monkeypatch.delenv("DEADLY")
    outcome = run(asked, registry=registry)
    assert outcome.ok and outcome.trained == 2 and set(outcome.measurements["model_a"]) == {"net", "fatal"}


@pytest.mark.long
def test_a_model_that_kills_when_it_is_traced_is_named(asked, registry, monkeypatch):
    monkeypatch.setenv("DEADLY", "trace")
    asked = replace(asked, models=("fatal",))
    assert died(asked, registry) == -signal.SIGSEGV
    with pytest.raises(InputError, match=rf"^model fatal cannot be built for .* of blobs \(that {SEGV}"):
        prepare(asked, registry)
