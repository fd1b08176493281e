"""`simbench panel`: make, show, verify; and the panel that comes with simbench."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from simbench.networks.panels import read_panel
from simbench.system.seals import sealed


@pytest.fixture
def made(call, warm, tmp_path) -> Path:
    """A panel of the two cached networks."""
    done = call(
        "panel", "make", "two", "--seeds", "2", "--layers", "bn7,bn8", "--pairs", "all", "--out", "two.safetensors"
    )
    assert done.code == 0 and "wrote two-1 to two.safetensors: 2 networks" in done.out
    return done.folder / "two.safetensors"


def test_a_panel_that_was_made_is_verified_and_shown(call, made):
    done = call("panel", "verify", str(made))
    assert done.code == 0 and done.out.startswith("two-1: 2 networks verified, sha256 ")
    shown = call("panel", "show", str(made))
    assert shown.code == 0 and "layers: bn7, bn8\npairs: all\n" in shown.out
    assert "made by: simbench panel make two --seeds 2" in shown.out
    for network in read_panel(made).metadata["networks"].values():
        assert f"{network['accuracy']:.4f}  {network['weights']}" in shown.out


@pytest.mark.long
def test_verify_has_a_line_for_each_fault(call, made):
    told = dict(read_panel(made).metadata)
    told["networks"]["0"]["accuracy"] -= 0.1
    told["networks"]["1"]["outputs"][0][0] += 0.1
    told["layers"] = ["bn9"]
    tensors = load_file(made)
    save_file(tensors, made, {"panel": sealed(told)})
    done = call("panel", "verify", str(made))
    assert done.code == 1
    first, second, third = done.out.splitlines()
    assert "tiny10 has no layer bn9; it has conv1" in first
    assert "network 0 has the test accuracy" in second
    assert "network 1 gives logits that differ by 0.1 from the panel's; 0.001 is allowed" in third

    tensors["0/fc.bias"] += 1
    save_file(tensors, made, {"panel": sealed(told)})
    assert "network 0 is damaged" in call("panel", "verify", str(made)).out


def test_verify_says_in_one_line_that_a_file_is_damaged(call, made):
    made.write_bytes(made.read_bytes()[:-1])
    done = call("panel", "verify", str(made))
    assert done.code == 1 and done.out.count("\n") == 1 and "is damaged or no safetensors file" in done.out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("make", "a,b", "--out", "x"), "panel has the name 'a,b'"),
        (("make", "x", "--seeds", "3", "--out", "x"), "--pairs is balanced:4, and there are 3 networks"),
        (("make", "x", "--models", "all", "--out", "x"), "a panel holds networks of one model on one data set"),
        (("make", "x", "--out", "/proc/none/x"), "--out is '/proc/none/x', which cannot be written"),
        (("show", "none"), "panel 'none' is unknown; allowed: tiny10-digits-1"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_trained(call, cache, words, message):
    done = call("panel", *words)
    assert done.code == 2 and message in done.err and done.err.count("\n") == 1
    assert not (cache / "weights").exists()


def test_the_panel_that_comes_with_simbench_is_listed_and_small(call, cache, registry):
    assert "tiny10-digits-1" in call("list", "panels").out
    panel = registry.get("panels", "tiny10-digits-1")
    found = read_panel(panel.file, panel.sha256)
    assert found.label == panel.name and found.seeds == tuple(range(24)) and found.metadata["pairs"] == "balanced:4"
    assert min(network["accuracy"] for network in found.metadata["networks"].values()) > 0.99
    assert panel.file.stat().st_size < 5e6


@pytest.mark.long
def test_the_default_networks_are_those_of_the_panel(call, cache):
    done = call("run", "--layers", "bn8", "--indices", "cka", "--dry-run")
    assert done.code == 0 and "to measure\n" in done.err and "to train" not in done.err
    assert "matching on digits: 24 networks, 96 pairs, balanced:4" in done.err


@pytest.mark.long
def test_a_finished_run_on_a_panel_does_not_import_torch(process, cache):
    words = ("run", "--experiments", "matching", "--seeds", "2", "--layers", "bn8", "--indices", "cka")
    words += ("--stitchers", "identity", "--max-samples", "50")
    assert "measured 6 of 6 cases" in process(*words).out
    again = process(*words, python=("-X", "importtime"))
    assert "nothing to compute" in again.out and "safetensors" not in again.err
    assert not any(line.rpartition("|")[2].strip() == "torch" for line in again.err.splitlines())
