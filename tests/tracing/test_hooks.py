"""Taps: a layer's own output in one forward pass, and a network that is as it was."""

import threading

import pytest
import torch
from small_nets import IMAGES, LAYERS, Net, Viewed, activations, net
from torch import nn

from simbench import InputError
from simbench.tracing.inputs import Inputs
from simbench.tracing.tapped import tapped
from simbench.tracing.twins import twin_of


def called(network, x):
    return Inputs(network, None, "a")(x)


def read(network, layers=LAYERS, x=IMAGES):
    with tapped(network, layers, "a") as taps:
        return taps(called(network, x), lambda layer, output: output.clone())


@pytest.mark.parametrize("kind", [Net, Viewed])
def test_outputs_are_the_layers_own_before_what_follows_writes_to_them(kind):
    network = net(0, kind=kind)
    expected = activations(network)
    found = read(network)
    assert list(found) == LAYERS
    for layer, output in expected.items():
        assert torch.allclose(found[layer], output, rtol=1e-12, atol=1e-12), layer


def test_without_names_all_that_run_once_and_have_no_submodules_are_read():
    with tapped(net(0), None, "a") as taps:
        for _ in range(2):  # the second pass finds the same
            found = taps(called(net(0), IMAGES), lambda layer, output: 0)
            assert list(found) == taps.layers == ["stem", "rise", "block.conv", "block.norm", "down", "last"]


def test_convolutions_run_in_channels_last_memory():
    assert read(net(0))["stem"].is_contiguous(memory_format=torch.channels_last)


def calls(network):
    seen = []
    network.register_forward_hook(lambda module, given, output: seen.append(len(output)))
    return seen


@pytest.mark.parametrize(
    "network", [net(0), nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double()], ids=["copied", "itself"]
)
def test_a_pass_runs_the_network_once_in_eval_mode_and_leaves_it_as_it_was(network):
    seen, layer = calls(network), "last" if isinstance(network, Net) else "1"
    network.train()
    inner = network.get_submodule(layer).eval()  # one part alone
    before = {key: value.clone() for key, value in network.state_dict().items()}
    hooks = sum(len(module._forward_hooks) for module in network.modules())
    modes = []
    network.register_forward_pre_hook(lambda module, given: modes.append(module.training))
    with tapped(network, [layer], "a") as taps:
        for part in IMAGES.split(20):
            assert not taps(called(network, part), lambda layer, output: output)[layer].requires_grad
    assert seen == [20, 17] and modes == [False, False]
    assert network.training and not inner.training
    assert sum(len(module._forward_hooks) for module in network.modules()) == hooks
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("network", [nn.Sequential(nn.Flatten(), nn.Linear(192, 4)).double()])
def test_hooks_and_mode_are_restored_after_an_error(network):
    def broken(layer, output):
        raise KeyError(layer)

    with pytest.raises(KeyError), tapped(network, ["1"], "a") as taps:
        taps(called(network, IMAGES), broken)
    assert network.training and not network[1]._forward_hooks


def test_a_network_that_cannot_be_copied_is_read_itself():
    network = net(0)
    network.lock = threading.Lock()
    expected = activations(network)
    assert torch.allclose(read(network, ["down"])["down"], expected["down"])
    assert network.training and not network.down._forward_hooks


def test_an_error_of_the_network_itself_comes_through():
    with pytest.raises(RuntimeError, match="expected input"):
        read(net(0), x=IMAGES[:, :2])


class Pair(nn.Module):
    def forward(self, x):
        return x, x


@pytest.mark.parametrize(
    "network, layers, message",
    [
        (net(0), ["stme"], "layer of a 'stme' is unknown; did you mean 'stem'"),
        (net(0), ["unused"], "layer 'unused' of a does not run"),
        (net(0), ["block.relu"], "layer 'block.relu' of a runs several times"),
        (nn.Sequential(Pair()), ["0"], "layer '0' of a gives a tuple"),
        (nn.Sequential(nn.Flatten(0)), ["0"], r"layer '0' of a gives float64 activations of shape \(7104,\)"),
        (nn.Sequential(nn.Flatten(0, 1)), ["0"], "layer '0' of a gives 111 activations for 37 inputs"),
        (nn.Sequential(nn.Flatten(0, 2)), ["0"], "layer '0' of a gives 888 activations for 37 inputs"),
        (nn.Sequential(Pair()), None, "no submodule of a runs once"),
        ("resnet18", None, "a is a str; give a torch.nn.Module"),
    ],
)
def test_what_cannot_be_read_is_one_clear_line(network, layers, message):
    with pytest.raises(InputError, match=message) as error:
        read(network, layers)
    assert "\n" not in str(error.value)


def test_a_network_is_read_as_a_copy_in_channels_last_memory_whose_tied_weights_stay_one():
    net = nn.Sequential(nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(16, 2))
    net[1].weight = net[0].weight
    net[1].weight.requires_grad_(False)
    twin, _ = twin_of(net)
    assert twin[0].weight is twin[1].weight and not twin[0].weight.requires_grad and twin[1].bias.requires_grad
    assert twin[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert net[0].weight.is_contiguous() and not net[0].weight.is_contiguous(memory_format=torch.channels_last)
    for mine, theirs in zip(twin.parameters(), net.parameters(), strict=True):
        assert torch.equal(mine, theirs) and mine.data_ptr() != theirs.data_ptr()
