"""A training that kills its process: the next one names it."""

from __future__ import annotations

import faulthandler
import os
import signal

import pytest

from simbench import InputError
from simbench.contracts.selection import Setting
from simbench.runs.placeholders import network_of, train
from simbench.system.cache import cache_folder

MODULE = """
import os, signal, torch
from small_plugins import Net
from torch import nn

class Deadly(nn.Identity):
    def forward(self, x):
        trained = self.training and isinstance(x, torch.Tensor) and len(x) > 8  # not traced
        if trained and os.path.exists(os.environ["DEADLY"]):
            os.kill(os.getpid(), signal.SIGSEGV)
        return x

class Fatal(Net):
    name = "fatal"

    def build(self, channels, classes):
        net = super().build(channels, classes)
        return nn.Sequential(Deadly(), *net)
"""


@pytest.fixture
def fatal(tmp_path, monkeypatch):
    """A model whose training kills its process as long as a file exists, and the file."""
    (tmp_path / "fatal_model.py").write_text(MODULE)
    (tmp_path / "deadly").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("DEADLY", str(tmp_path / "deadly"))
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))
    import fatal_model

    return fatal_model.Fatal(), tmp_path / "deadly"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_training_that_a_process_died_of_is_tried_in_another_one(fatal, small_registry):
    (model, deadly), data = fatal, small_registry.get("datasets", "blobs")
    setting = Setting(data, data.fingerprint(), 1000)
    network = network_of(model, data, setting.fingerprint, 0)
    child = os.fork()
    if not child:
        faulthandler.disable()
        train(network, setting, "cpu")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSEGV
    with pytest.raises(InputError) as refused:
        train(network, setting, "cpu")
    assert str(refused.value) == (
        f"training fatal-0 on {data.label} kills its process (signal 11, SIGSEGV); leave that model or seed out"
    )
    deadly.unlink()
    done = train(network, setting, "cpu")
    assert done.file.is_file() and not cache_folder("started").exists()
    assert train(network, setting, "cpu").weights == done.weights  # here, without a trial
