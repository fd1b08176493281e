"""A worker with another installation is refused, part by part."""

from __future__ import annotations

import pytest

import simbench
from simbench.runs.executors.task import measure_unit
from simbench.runs.parcels import Depot, Missing, Refused, difference, installation, work
from simbench.runs.parcels.installations import ABSENT, installed, packages_of


def test_the_same_installation_differs_in_nothing():
    mine = installation(["simbench", "torchvision"])
    assert difference(mine, installation(packages_of(mine))) == []
    assert {"python", "simbench", "code of simbench", "code of simbench_plugins", "torchvision"} <= mine.keys()


def test_a_patch_level_of_python_and_the_device_that_torch_is_built_for_make_no_difference():
    mine = installation()
    assert mine["python"].count(".") == 1 and "+" not in mine["torch"]


@pytest.mark.parametrize("part", [*installation(), "code of simbench"])
def test_every_other_part_is_a_difference_of_one_line(part):
    mine = installation()
    (line,) = difference(mine | {part: "0.0"}, mine)
    assert line == f"{part} is 0.0 here and {mine[part]} on the worker; install the same"


def test_a_package_that_the_worker_lacks_is_a_difference():
    (line,) = difference({"timm": "1.0"}, installation(["no-such-package"]))
    assert line == f"timm is 1.0 here and {ABSENT} on the worker; install the same"
    assert installation(["no-such-package"])["no-such-package"] == ABSENT


def test_an_edit_of_a_plugin_changes_the_hash_of_its_code(tmp_path, monkeypatch):
    from simbench.runs.parcels.installations import code

    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("A = 1\n")
    (tmp_path / "mine" / "data-of-mine").mkdir()
    before = code("mine")
    (tmp_path / "mine" / "data-of-mine" / "notes.py").write_text("no module\n")
    assert code("mine") == before
    (tmp_path / "mine" / "__init__.py").write_text("A = 2\n")
    assert code("mine") != before


def test_the_packages_of_networks_and_plugins_are_compared(made, small, registry):
    parcel = Depot().pack(made())
    assert "torchvision" not in parcel.installation and "timm" not in parcel.installation
    model = registry.get("models", "torchvision:resnet18")
    from simbench.runs.parcels.installations import built_of

    assert "torchvision" in installed(built_of(model, small.setting.dataset))


def test_a_worker_of_another_version_opens_nothing(made, monkeypatch):
    from dataclasses import replace

    parcel = Depot().pack(made())
    other = replace(parcel, installation={**parcel.installation, "torch": "1.0"}, body=b"what would raise")
    reply = work(other, (), measure_unit)
    assert isinstance(reply, Refused) and len(reply.lines) == 1 and reply.lines[0].startswith("torch is 1.0 here and ")
    assert isinstance(work(parcel, (), measure_unit), Missing)
    assert simbench.__name__ in parcel.installation
