"""Wrappings of checkpoints: every one that people have gives the same network, and which part was taken is said."""

import argparse

import pytest
import torch
from torch import nn

from simbench.errors import InputError
from simbench.networks import wrappings
from simbench.networks.checkpoints import read
from simbench.networks.wrappings import renamed


def small():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))


NET = small()
STATE = NET.state_dict()
OTHER = {name: value + 1 for name, value in STATE.items()}


def under(prefix, state=STATE):
    return {prefix + name: value for name, value in state.items()}


WRAPPED = {
    "plain": STATE,
    "state_dict": {"epoch": 3, "state_dict": STATE},
    "model": {"model": STATE, "optimizer": {"state": {}}},
    "model_state_dict": {"model_state_dict": STATE, "loss": 0.1},
    "lightning": {"state_dict": under("model.") | {"loss.weight": torch.ones(3)}, "epoch": 1},
    "data parallel": under("module."),
    "compiled": under("_orig_mod."),
    "compiled inside": {name.replace(".", "._orig_mod.", 1): value for name, value in STATE.items()},
    "compiled and parallel": {"model": under("module._orig_mod.")},
    "ema in the file": {"state_dict": OTHER, "state_dict_ema": STATE},
    "ema in the dict": {"state_dict": under("model.", OTHER) | under("ema_model.")},
    "averaged model": {**under("module."), "n_averaged": torch.tensor(3)},
}


@pytest.fixture(autouse=True)
def said_anew():
    wrappings.report.cache_clear()


@pytest.mark.parametrize("name", WRAPPED)
def test_every_wrapping_gives_the_tensors_of_the_network(name, tmp_path, capsys):
    file = tmp_path / "x.pt"
    torch.save(WRAPPED[name], file)
    found = renamed(read(file), STATE, "checkpoint")
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[key], STATE[key]) for key in STATE)
    assert bool(capsys.readouterr().err) == (name != "plain"), "what was taken is said"


def test_which_of_a_pair_is_taken_is_said(tmp_path, capsys):
    torch.save(WRAPPED["ema in the file"], tmp_path / "x.pt")
    read(tmp_path / "x.pt")
    assert "holds 'state_dict_ema' and 'state_dict'; 'state_dict_ema' is taken" in capsys.readouterr().err


def test_the_torch_modules_themselves_are_seen_through():
    for wrapper in (nn.DataParallel(small()), torch.compile(small()), torch.optim.swa_utils.AveragedModel(small())):
        assert renamed(wrapper.state_dict(), STATE, "x").keys() == STATE.keys()


def test_a_network_whose_own_names_begin_with_model_is_left_alone():
    state = under("model.")
    assert renamed(state, state, "x").keys() == state.keys()


def test_two_networks_in_one_file_are_refused():
    with pytest.raises(InputError, match=r"several networks that fit, under student\.\*, teacher\.\*; save one"):
        renamed(under("student.") | under("teacher."), STATE, "x")


def test_code_in_a_file_is_named_and_not_run(tmp_path):
    torch.save({"state_dict": STATE, "options": argparse.Namespace(a=1)}, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match=r"holds a argparse.Namespace, and code in files is not run"):
        read(tmp_path / "x.ckpt")
