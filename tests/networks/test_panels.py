"""Panel files: the values that they define, and the files and models that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_plugins import Blobs, Net

from simbench import Design, InputError
from simbench.contracts.selection import Selection
from simbench.networks import weights
from simbench.networks.packing import packed
from simbench.networks.panels import PanelFile, built, read_panel, state_of
from simbench.system.seals import sealed

Change = Callable[[dict], None]


def pack(small: Selection, folder: Path) -> Path:
    nets = [network for network in small.networks if network.model.spec == "net"]
    file = folder / "small-1.safetensors"
    file.write_bytes(packed("small", 1, Net(), small.setting, nets, ("bn1", "conv2"), Design(1), "by hand"))
    return file


@pytest.fixture
def file(small: Selection, tmp_path: Path, cache: Path) -> Path:
    return pack(small, tmp_path)


def told_anew(file: Path, change: Change) -> Path:
    """The panel, with other metadata."""
    told = dict(read_panel(file).metadata)
    change(told)
    save_file(load_file(file), file, {"panel": sealed(told)})
    return file


def misfit(panel: PanelFile, model=None, fingerprint: str = "", seed: int = 0) -> str:
    return panel.misfit(model or Net(), Blobs(), fingerprint or Blobs().fingerprint(), seed)


def test_a_panel_is_the_float32_values_of_its_float16_weights(file, small):
    state = state_of(file, "0/")
    trained = torch.load(small.networks[0].file, weights_only=True)
    assert state.keys() == {key for key in trained if not key.endswith("num_batches_tracked")}
    for name, value in state.items():
        assert value.dtype == torch.float32 and torch.equal(value, trained[name].half().float())
    network = read_panel(file).network(Net(), Blobs(), 0)
    assert network.weights == weights.content_hash(state)
    assert (network.part, network.panel, network.seed) == ("0/", "small-1", "0")


def test_a_loaded_network_computes_with_the_rounded_weights(file):
    net = weights.load(read_panel(file).network(Net(), Blobs(), 1), Blobs())
    assert not net.training and not any(value.requires_grad for value in net.parameters())
    assert torch.equal(net.fc.weight, state_of(file, "1/")["fc.weight"])


def test_the_same_networks_give_the_same_file(file, small, tmp_path):
    before = file.read_bytes()
    assert pack(small, tmp_path).read_bytes() == before


def test_a_panel_holds_what_it_was_made_of_only(file):
    panel = read_panel(file)
    assert panel.label == "small-1" and panel.seeds == (0, 1) and misfit(panel) == ""
    assert misfit(panel, Net(4)) == "it holds networks of net, not of net[width=4]"
    assert "with the fingerprint" in misfit(panel, fingerprint="f" * 64)
    assert misfit(panel, seed=2) == "it does not hold seed 2; it holds 0, 1"


def test_another_recipe_is_not_that_of_the_panel(file):
    panel = read_panel(told_anew(file, lambda told: told.update(recipe={})))
    assert "by another recipe" in misfit(panel)


def test_where_the_graph_has_another_hash_the_logits_decide(file):
    panel = read_panel(told_anew(file, lambda told: told["model"].update(graph="of another torch")))
    assert misfit(panel) == "" and misfit(panel) == ""  # computed, then remembered

    def spoil(told: dict) -> None:
        told["networks"]["0"]["outputs"][0][0] += 0.01

    assert "builds another network" in misfit(read_panel(told_anew(file, spoil)))


def test_the_weights_of_a_panel_go_before_cached_ones(file, cache):
    panel = read_panel(file)
    found = weights.cached(Net(), Blobs(), Blobs().fingerprint(), 0, (panel,))
    assert found == panel.network(Net(), Blobs(), 0)
    assert weights.cached(Net(), Blobs(), Blobs().fingerprint(), 7, (panel,)) is None


def test_a_file_of_another_hash_is_refused(file):
    assert read_panel(file, read_panel(file).content).label == "small-1"
    with pytest.raises(InputError, match="has the sha256 .* and 0000.* is wanted; give an undamaged copy"):
        read_panel(file, "0" * 64)


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_a_file_that_was_cut_is_damaged(file, kept):
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InputError, match="is damaged or no safetensors file; give an undamaged copy"):
        read_panel(file)


def test_metadata_that_were_changed_are_seen(file):
    file.write_bytes(file.read_bytes().replace(b"by hand", b"by mice"))
    with pytest.raises(InputError, match="is damaged"):
        read_panel(file)


def test_weights_that_were_changed_are_seen(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    faults = []
    for seed in (0, 1):
        try:
            built(read_panel(file).network(Net(), Blobs(), seed), Blobs())
        except InputError as error:
            faults.append(str(error))
    assert len(faults) == 1 and "is damaged: its tensors are not those that the panel names" in faults[0]


def test_a_newer_format_asks_for_a_newer_simbench(file):
    told_anew(file, lambda told: told.update(format=2))
    with pytest.raises(InputError, match="has the format 2, and this simbench reads 1; install a newer simbench"):
        read_panel(file)


def test_a_file_without_a_panel_is_none(tmp_path):
    save_file({"weight": torch.zeros(2)}, tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="holds no panel"):
        read_panel(tmp_path / "net.safetensors")
    with pytest.raises(InputError, match="is not a file"):
        read_panel(tmp_path / "none.safetensors")


def test_networks_that_do_not_fit_the_model_are_named(file):
    panel = read_panel(file)
    with pytest.raises(InputError, match=r"panel small-1 .*, network 0 does not fit net\[width=4\] on blobs"):
        built(replace(panel.network(Net(), Blobs(), 0), model=Net(4)), Blobs())


def test_weights_that_float16_cannot_hold_are_refused(small, tmp_path):
    state = torch.load(small.networks[0].file, weights_only=True)
    state["fc.bias"][0] = 1e5
    torch.save(state, tmp_path / "large.pt")
    large = replace(small.networks[0], file=tmp_path / "large.pt")
    with pytest.raises(InputError, match="fc.bias holds values beyond 65504"):
        packed("small", 1, Net(), small.setting, [large], ("bn1",), Design(), "")


def test_the_text_of_the_metadata_is_plain_json(file):
    size = int.from_bytes(file.read_bytes()[:8], "little")
    header = json.loads(file.read_bytes()[8 : 8 + size])
    told = json.loads(header["__metadata__"]["panel"])
    assert told["pairs"] == "balanced:1" and told["layers"] == ["bn1", "conv2"] and told["made"]["command"] == "by hand"
    assert told["networks"]["0"]["accuracy"] > 0.5
