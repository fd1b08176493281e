"""The cut and the fold: what runs, in which order, and what is left alone."""

from collections import OrderedDict

import pytest
import torch
from simbench_plugins.models.tiny10 import Tiny10
from small_blocks import settled
from torch import nn

from simbench import InputError, cut, fold

NESTED_STAGES = [
    "stem",
    "body",
    "body.first",
    "body.first.conv",
    "body.first.bn",
    "body.first.act",
    "body.second",
    "body.second.0",
    "body.second.1",
    "act",
    "pool",
    "flatten",
    "head",
]
TINY10_STAGES = [*Tiny10().layers, "pool", "flatten", "fc"]


class Residual(nn.Sequential):
    """Stages with a `forward` of its own: no row of stages, and so no place to cut."""

    def forward(self, x):
        return x + super().forward(x)


class PreActivation(nn.Module):
    """Works in place on its own input, as pre-activation blocks do."""

    def __init__(self, width):
        super().__init__()
        self.act, self.conv = nn.ReLU(inplace=True), nn.Conv2d(width, width, 1)

    def forward(self, x):
        return self.conv(self.act(x))


def tiny10():
    torch.manual_seed(0)
    return settled(Tiny10().build(3, 10))


def nested():
    """Sequentials two deep, with in-place activations."""
    torch.manual_seed(0)
    first = nn.Sequential(OrderedDict(conv=nn.Conv2d(4, 6, 3), bn=nn.BatchNorm2d(6), act=nn.ReLU(inplace=True)))
    second = nn.Sequential(nn.Conv2d(6, 5, 1), nn.ReLU(inplace=True))
    return settled(
        nn.Sequential(
            OrderedDict(
                stem=nn.Conv2d(3, 4, 3),
                body=nn.Sequential(OrderedDict(first=first, second=second)),
                act=nn.ELU(inplace=True),
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                head=nn.Linear(5, 10),
            )
        )
    )


def images(size=32, channels=3):
    return torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(1))


def runs(net, action):
    """Names of the leaf modules of `net` in the order that `action` runs them."""
    order = []
    leaves = {name: module for name, module in net.named_modules() if not list(module.children())}
    hooks = [module.register_forward_hook(lambda *_, name=name: order.append(name)) for name, module in leaves.items()]
    action()
    for hook in hooks:
        hook.remove()
    return order


@pytest.mark.parametrize(
    "make, layer", [*((tiny10, layer) for layer in TINY10_STAGES), *((nested, layer) for layer in NESTED_STAGES)]
)
@torch.no_grad()
def test_end_of_front_is_the_net_bitwise_with_nothing_run_twice(make, layer):
    net, x = make(), images()
    expected = net(x)
    front, end = cut(net, layer)
    activations = front(x)
    before = activations.clone()
    assert torch.equal(end(activations), expected)
    assert torch.equal(activations, before), "the end wrote to the activations"
    assert torch.equal(end(activations), expected)
    assert torch.equal(net(x), expected), "the cut changed the net"


@pytest.mark.parametrize(
    "make, layer", [(tiny10, "bn3"), (nested, "body.first.bn"), (nested, "body.second"), (nested, "stem")]
)
@torch.no_grad()
def test_neither_part_runs_a_stage_of_the_other(make, layer):
    net, x = make(), images()
    activations = cut(net, layer)[0](x)
    everything = runs(net, lambda: net(x))
    # Hooks are put on before the cut, since an in-place stage of the end is a copy.
    first = runs(net, lambda: cut(net, layer)[0](x))
    second = runs(net, lambda: cut(net, layer)[1](activations))
    assert first + second == everything and len(set(everything)) == len(everything)
    assert first[-1] == layer or first[-1].startswith(layer + ".")


@torch.no_grad()
def test_activations_are_the_output_of_the_stage():
    net, x, seen = nested(), images(), []
    net.body.first.bn.register_forward_hook(lambda module, given, output: seen.append(output.clone()))
    assert torch.equal(cut(net, "body.first.bn")[0](x), seen[0])


@pytest.mark.parametrize("make, layer", [(tiny10, "bn3"), (nested, "body.first.bn")])
def test_parts_share_the_parameters_of_the_net(make, layer):
    net = make()
    front, end = cut(net, layer)
    assert [id(p) for part in (front, end) for p in part.parameters()] == [id(p) for p in net.parameters()]
    assert [id(b) for part in (front, end) for b in part.buffers()] == [id(b) for b in net.buffers()]


@torch.no_grad()
def test_a_module_that_stands_in_two_places_stays_in_both():
    act, conv = nn.ReLU(), nn.Conv2d(3, 3, 1)
    net = nn.Sequential(OrderedDict(conv1=conv, relu1=act, conv2=conv, relu2=act, last=nn.Conv2d(3, 2, 1)))
    x = images(4)
    for layer, stages in (("relu1", 2), ("relu2", 4), ("last", 5)):
        front, end = cut(net, layer)
        assert [*front._modules, *end._modules] == list(net._modules) and len(front) == stages
        assert torch.equal(end(front(x)), net(x))
    assert torch.allclose(fold(cut(net, "conv1")[1])(conv(x)), net(x), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_a_sequential_with_its_own_forward_is_one_stage():
    net = nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(3, 4, 1), block=Residual(nn.Conv2d(4, 4, 1), nn.ReLU(inplace=True)), last=nn.Conv2d(4, 2, 1)
        )
    ).eval()
    x = images(4)
    front, end = cut(net, "conv")
    assert torch.equal(end(front(x)), net(x))
    assert torch.allclose(fold(end)(front(x)), net(x), rtol=1e-5, atol=1e-6)
    with pytest.raises(InputError, match="'block.0' is unknown"):
        cut(net, "block.0")


@torch.no_grad()
def test_activations_survive_a_block_that_works_in_place_inside():
    net, x = nn.Sequential(nn.Conv2d(3, 4, 1), PreActivation(4), PreActivation(4)).eval(), images(4)
    front, end = cut(net, "0")
    activations = front(x)
    before = activations.clone()
    assert torch.equal(end(activations), net(x)) and torch.equal(activations, before)
    assert net[1].act.inplace, "the net itself is left as it was"


@pytest.mark.parametrize(
    "make, layer, near",
    [
        (tiny10, "bn33", "'bn3'"),
        (tiny10, "conv_1", "'conv1'"),
        (nested, "body.first.bm", "'body.first.bn'"),
        (nested, "boddy", "'body'"),
        (tiny10, "conv1.0", "'conv1'"),
    ],
)
def test_an_unknown_stage_is_an_input_error_with_near_matches(make, layer, near):
    with pytest.raises(InputError) as error:
        cut(make(), layer)
    assert repr(layer) in str(error.value) and near in str(error.value) and "\n" not in str(error.value)


def test_what_is_no_row_of_stages_cannot_be_cut():
    for net in (nn.Linear(2, 2), Residual(nn.Linear(2, 2))):
        with pytest.raises(InputError, match=f"a {type(net).__name__} cannot be cut without inputs"):
            cut(net, "0")


@pytest.mark.parametrize(
    "make, layers",
    [(tiny10, ["conv1", "bn1", "relu3", "bn8", "fc"]), (nested, ["stem", "body.first.conv", "body.first", "act"])],
)
@torch.no_grad()
def test_folding_agrees_to_1e5_and_leaves_the_original(make, layers):
    net, x = make(), images()
    for layer in layers:
        front, end = cut(net, layer)
        activations, before = front(x), {key: value.clone() for key, value in end.state_dict().items()}
        expected = end(activations)
        folded = fold(end)
        assert float((folded(activations) - expected).norm() / expected.norm()) < 1e-5
        assert torch.equal(end(activations), expected)
        assert all(torch.equal(value, before[key]) for key, value in end.state_dict().items())


def test_every_batch_norm_after_a_convolution_is_folded_and_the_result_is_frozen():
    folded = fold(cut(tiny10(), "conv2")[1])
    norms = [name for name, module in folded.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms == ["bn2"], "only the batch norm whose convolution was cut away is left"
    assert not folded.training and not any(p.requires_grad for p in folded.parameters())
    assert folded.bn4.weight.is_contiguous(memory_format=torch.channels_last)


def test_folding_leaves_training_mode_and_gradients_of_the_original():
    end = cut(tiny10(), "conv2")[1].train()
    fold(end)
    assert end.training and end.bn3.training and all(p.requires_grad for p in end.parameters())


@torch.no_grad()
def test_a_batch_norm_without_running_statistics_is_not_folded():
    end = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, track_running_stats=False)).eval()
    x = images(4)
    assert torch.allclose(fold(end)(x), end(x), rtol=1e-5, atol=1e-6)
