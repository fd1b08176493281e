"""Names that can stand in tables, file names and on a terminal, wherever they enter."""

from __future__ import annotations

import pytest
import torch

import simbench
from simbench import InputError
from simbench.data.memory import in_memory
from simbench.networks import weights
from simbench.system.names import unfit

BAD = ["a\x1b2Jb", "a\nb", "a\u202eb", "\ud800", "x" * 101]
IDS = ["escape", "newline", "right to left", "surrogate", "long"]


@pytest.mark.parametrize("name", ["a", "x" * 100, "ä é", "seed 0, best"])
def test_a_name_that_can_be_printed_and_is_short_is_fit(name):
    assert unfit(name) == ""


@pytest.mark.parametrize("name", [*BAD, "", 3, None], ids=[*IDS, "empty", "number", "none"])
def test_others_are_not_and_the_reason_can_be_printed(name):
    assert unfit(name) and unfit(name).isprintable() and len(unfit(name)) < 200


def refused(act) -> str:
    with pytest.raises(InputError) as caught:
        act()
    said = str(caught.value)
    assert said.isprintable() and len(said) < 700 and "characters" in said
    return said


@pytest.mark.parametrize("name", [BAD[0], BAD[1], BAD[2], BAD[4]], ids=[IDS[0], IDS[1], IDS[2], IDS[4]])
def test_a_checkpoint_whose_network_would_have_such_a_name_is_refused(small_registry, tmp_path, name):
    model = small_registry.get("models", "net")
    torch.save(model.build(1, 3).state_dict(), tmp_path / f"{name}.pt")
    said = refused(lambda: weights.checkpoint(model, tmp_path / f"{name}.pt"))
    assert said.endswith("; rename the file")


@pytest.mark.parametrize("name", BAD, ids=IDS)
def test_networks_and_data_in_memory_have_no_such_name(name, tmp_path):
    x, y = torch.randn(40, 6), torch.arange(40) % 3
    nets = [torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)) for _ in "ab"]
    refused(lambda: simbench.compare(*nets, data=(x, y), names=("fine", name), results=tmp_path / "results"))
    refused(lambda: in_memory((x, y), label=name))
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", BAD, ids=IDS)
@pytest.mark.parametrize(
    ("kind", "spec"), [("models", "{}"), ("models", "nets/{}.py:make"), ("datasets", "imagefolder:/data/{}")]
)
def test_nothing_of_such_a_name_is_looked_for(kind, spec, name):
    refused(lambda: simbench.load().get(kind, spec.format(name)))


def test_a_long_path_is_no_long_name():
    folder = "/".join(["/data"] + ["x" * 90] * 3)
    assert simbench.load().get("datasets", f"imagefolder:{folder}").path == folder


def test_a_parameter_is_printed_as_it_is_typed():
    refused(lambda: simbench.load().get("datasets", "imagefolder[path=a\x07]"))
