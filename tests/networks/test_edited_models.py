"""A model whose source changes is built, trained and measured anew; its graph is remembered until then."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_plugins import Net

from simbench.networks.architectures import cached_hash
from simbench.runs import driver
from simbench.runs.job import prepare
from simbench.runs.request import Request

MODEL = """
from dataclasses import dataclass
from simbench import Model, hookimpl
import own_sizes


@dataclass(frozen=True)
class Own(Model):
    name, source = "own", "this test"
    layers = ("conv", "act")

    def build(self, channels, classes):
        from collections import OrderedDict
        from torch import nn
        from own_blocks import activation

        return nn.Sequential(OrderedDict(conv=nn.Conv2d(channels, own_sizes.WIDTH, 3), act=activation(),
                                         pool=nn.AdaptiveAvgPool2d(1), flatten=nn.Flatten(),
                                         fc=nn.Linear(own_sizes.WIDTH, classes)))

    def recipe(self, dataset):
        from simbench import Recipe

        return Recipe(epochs=1, batch=512)


@hookimpl
def simbench_models():
    return [Own()]
"""
BLOCKS = """
from torch import nn


def activation():
    return nn.ReLU()
"""


@pytest.fixture
def site(tmp_path, cache) -> Path:
    """An installed package with the model `own`, in three modules, two of which are imported where they are needed."""
    folder = tmp_path / "site"
    (folder / "own-1.0.dist-info").mkdir(parents=True)
    (folder / "own-1.0.dist-info/METADATA").write_text("Metadata-Version: 2.1\nName: own\nVersion: 1.0\n")
    (folder / "own-1.0.dist-info/entry_points.txt").write_text("[simbench]\nown = own_model\n")
    for name, text in {"own_model": MODEL, "own_blocks": BLOCKS, "own_sizes": "WIDTH = 4\n"}.items():
        (folder / f"{name}.py").write_text(text)
        os.utime(folder / f"{name}.py", (1e9, 1e9))
    return folder


TELL = (
    "import sys, simbench; from simbench.networks.architectures import architecture; registry = simbench.load(); "
    "print(architecture(registry.get('models', 'own'), registry.get('datasets', 'digits')), "
    "'torch' in sys.modules)"
)


def told(site: Path, code: str = TELL, **environment: str) -> tuple[str, bool]:
    """The hash, and whether torch was imported for it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
    )
    assert done.returncode == 0, done.stderr
    value, heavy = done.stdout.split()
    return value, heavy == "True"


def edit(site: Path, name: str, old: str, new: str) -> None:
    file = site / f"{name}.py"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    os.utime(file, (1e9, 1e9))


@pytest.mark.long
def test_it_is_remembered_without_torch_until_a_source_changes(site, cache):
    """The text is as long as before, and its file as old: the content counts."""
    first, heavy = told(site)
    assert heavy and told(site, PYTHONHASHSEED="3") == (first, False)
    edit(site, "own_blocks", "nn.ReLU()", "nn.Tanh()")
    value, heavy = told(site)
    assert heavy and value != first and told(site) == (value, False)
    memories = list((cache / "graphs").glob("*.json"))
    assert [cached_hash(memory) for memory in memories] == [value]
    for name in ("own_sizes", "own_model"):  # each of the three modules counts
        text = (site / f"{name}.py").read_text()
        (site / f"{name}.py").write_text(text + "# new")
        assert cached_hash(memories[0]) is None
        (site / f"{name}.py").write_text(text)
    assert cached_hash(memories[0]) == value


@pytest.mark.long
def test_what_was_edited_while_the_process_ran_is_not_remembered(site, cache):
    code = TELL.replace(
        "print(",
        "import pathlib, own_model; file = pathlib.Path(own_model.__file__); "
        "file.write_text(file.read_text() + '# new'); print(",
    )
    assert told(site, code)[1] and not (cache / "graphs").exists()


@pytest.mark.long
def test_an_edited_model_is_trained_and_measured_anew_though_its_version_stays(
    small_registry, cache, tmp_path, monkeypatch
):
    """In the same folder and in a new one; the old network's weights are neither taken nor overwritten."""
    from torch import nn

    request = Request(
        models=("net",),
        datasets=("blobs",),
        seeds="2",
        experiments=("matching",),
        indices=("cka",),
        stitchers=("identity",),
        layers=("relu1",),
        results=tmp_path / "results",
    )
    quiet = SimpleNamespace(begin=lambda *_: None, advance=lambda *_: None, say=lambda *_: None, end=lambda: None)

    def rows(request):
        outcome = driver.run(prepare(request, small_registry), small_registry, quiet)
        return [(name, row.quantity, row.value) for name, row in outcome.rows], outcome.trained, outcome.measured

    relu, *_ = rows(request)
    files = {file: file.read_bytes() for file in (cache / "weights").iterdir()}
    whole = Net.build

    def build(self, channels, classes):
        net = whole(self, channels, classes)
        net.relu1 = nn.Tanh()
        return net

    with monkeypatch.context() as patch:
        patch.setattr(Net, "build", build)
        job = prepare(request, small_registry)
        assert (job.pending, job.untrained) == (job.cases, 2)
        tanh, trained, measured = rows(request)
        assert tanh != relu and (trained, measured) == (2, job.cases)
        assert rows(replace(request, results=tmp_path / "new")) == (tanh, 0, job.cases)
    assert rows(request) == (relu, 0, 0)
    assert {file: file.read_bytes() for file in files} == files
    assert len(list((cache / "weights").iterdir())) == 2 * len(files)


def test_the_same_weights_in_an_edited_network_are_other_cases(small_registry, cache, tmp_path, monkeypatch):
    """Given checkpoints, which no training tells apart."""
    import torch
    from torch import nn

    for seed in (0, 1):
        torch.manual_seed(seed)
        torch.save(Net().build(1, 3).state_dict(), tmp_path / f"{seed}.pt")
    request = Request(
        models=("net",),
        datasets=("blobs",),
        experiments=("matching",),
        indices=("cka",),
        weights=(f"{tmp_path}/0.pt,{tmp_path}/1.pt",),
        stitchers=("identity",),
        layers=("relu1",),
    )
    keys = [{case.key for part in prepare(request, small_registry).parts for case in part.cases}]
    whole = Net.build
    monkeypatch.setattr(
        Net,
        "build",
        lambda *given: nn.Sequential(
            OrderedDict(
                {name: nn.Tanh() if name == "relu1" else stage for name, stage in whole(*given).named_children()}
            )
        ),
    )
    keys += [{case.key for part in prepare(request, small_registry).parts for case in part.cases}]
    assert keys[0] and not keys[0] & keys[1]
