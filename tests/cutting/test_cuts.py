"""The cut of any network: what front and end compute, what is refused and why, and what is left alone."""

import copy

import pytest
import torch
from cut_networks import IMAGES, NETWORKS, Block, Masked, Tuples, small
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from simbench import Affine, InputError, cut
from simbench.cutting import Cutter, front, survey, surveyed


def flops(run):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize(
    "name", ["block", *(pytest.param(name, marks=pytest.mark.long) for name in NETWORKS if name != "block")]
)
def test_front_and_end_give_the_network_at_a_third_size_of_batch_and_its_multiply_adds(name):
    net, inputs, engines = small(name)
    cutter = Cutter(net, inputs)
    exact = {layer.name: layer.engine for layer in surveyed(cutter) if layer.exact}
    assert set(exact.values()) == engines
    x = torch.cat([inputs, inputs.flip(0)])[:5]
    with torch.no_grad():
        wanted = net(x)
    for layer in exact:
        first, end = cutter.cut(layer)
        with torch.no_grad():
            held = first(x)
            before = held.clone()
            assert torch.equal(end(held), wanted) and torch.equal(held, before), layer
        assert flops(lambda: end(first(x))) == flops(lambda: net(x)), layer


def test_the_gradient_reaches_the_activations_and_parameters_are_shared():
    net = Block(4).eval()
    first, end = cut(net, "two", IMAGES)
    held = first(IMAGES).detach().requires_grad_()
    end(held).square().sum().backward()
    assert held.grad.abs().sum() > 0
    own = {id(weight) for weight in net.parameters()}
    assert {id(weight) for part in (first, end) for weight in part.parameters()} <= own


def test_export_shares_the_parameters():
    net, inputs, _ = small("swin")
    parts = cut(net, "block", inputs, engine="export")
    own = {id(weight) for weight in net.parameters()}
    assert {id(weight) for part in parts for weight in part.parameters()} == own


def test_a_bypassed_layer_is_refused_and_the_bypass_named():
    with pytest.raises(InputError, match="layer 'inner' is bypassed through 'stem'; .* or engine='hook'"):
        cut(Block(4), "inner", IMAGES)


def test_the_hook_cuts_where_a_bypass_forbids_others_at_the_cost_of_the_whole_network():
    net = Block(4).eval()
    parts = cut(net, "inner", IMAGES, engine="hook")
    x = torch.randn(5, 3, 6, 6)
    with torch.no_grad():
        held = parts.front(x)
        assert torch.equal(parts.end(held, x), net(x)) and not torch.equal(parts.end(held + 1, x), net(x))
    assert parts.reads_input and parts.engine == "hook"
    assert flops(lambda: parts.end(held, x)) == flops(lambda: net(x))
    assert flops(lambda: parts.front(x)) < flops(lambda: net(x))


def test_an_operation_in_place_right_after_the_cut_leaves_the_activations():
    class InPlace(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1)

        def forward(self, x):
            return self.two(functional.relu_(self.one(x)).add_(1))

    net = InPlace().eval()
    for engine in ("fx", "export"):
        first, end = cut(net, "one", IMAGES, engine=engine)
        with torch.no_grad():
            held = first(IMAGES)
            before = held.clone()
            assert torch.equal(end(held), net(IMAGES)) and torch.equal(held, before)
            assert (held < 0).any()


def test_a_write_that_no_one_reads_by_name_is_not_lost():
    class Shifted(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x):
            x = self.one(x)
            x[..., :2] += 1  # seen by fx as a write into an item
            x.mul_(2)  # the value of which nobody reads
            return self.two(x)

    net, x = Shifted().eval(), torch.randn(3, 6)
    found = cut(net, "one", x)
    assert found.engine == "export"
    with torch.no_grad():
        assert torch.equal(found.end(found.front(x)), net(x))


def test_masks_of_integers_are_read_again_by_the_end():
    net, ids = Masked().eval(), torch.tensor([[3, 4, 0, 0], [1, 2, 3, 0], [5, 6, 7, 8], [9, 0, 0, 0]])
    found = cut(net, "layer", ids)
    assert found.engine == "export with input" and found.reads_input
    with torch.no_grad():
        assert torch.equal(found.end(found.front(ids), ids), net(ids))
    with pytest.raises(InputError, match="is bypassed through the input"):
        cut(net, "layer", ids, engine="export")


def test_the_arguments_and_the_outputs_are_those_of_the_network():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 2)

        def forward(self, x, scale=None, *, shift=None):
            return {"logits": self.two(self.one(x) if shift is None else self.one(x + shift)), "name": "both"}

    net, batch = Both().eval(), {"x": torch.randn(4, 6), "shift": torch.randn(4, 6)}
    first, end = cut(net, "one", batch)
    with torch.no_grad():
        found, wanted = end(first(**batch)), net(**batch)
    assert found["name"] == "both" and torch.equal(found["logits"], wanted["logits"])
    with pytest.raises(InputError, match="takes the arguments that it was cut with"):
        first(batch["x"])


def test_a_stitch_of_tokens_is_applied_by_hand_in_any_dtype():
    net, inputs, _ = small("tokens")
    first, end = cut(net, "layers.0", inputs)
    stitch = Affine.identity(8, bias=True, dtype=torch.float64)
    with torch.no_grad():
        assert torch.equal(end(stitch(first(inputs))), net(inputs))


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(torch.compile, id="compiled", marks=pytest.mark.long),  # imports what compiles
        pytest.param(nn.DataParallel, id="parallel"),
        pytest.param(lambda net: nn.Sequential(torch.compile(net))[0], id="compiled in a row", marks=pytest.mark.long),
    ],
)
def test_wrappers_are_seen_through(wrap):
    net = Block(4).eval()
    first, end = cut(wrap(net), "two", IMAGES)
    with torch.no_grad():
        assert torch.equal(end(first(IMAGES)), net(IMAGES))
    assert [layer.name for layer in survey(wrap(net), IMAGES)] == [layer.name for layer in survey(net, IMAGES)]


def test_the_network_keeps_its_mode_its_buffers_and_its_hooks():
    net = Block(4).train()
    before = copy.deepcopy(net.state_dict())
    survey(net, IMAGES)
    cut(net, "two", IMAGES)
    front(net, "inner", IMAGES)(IMAGES)
    assert all(module.training and not module._forward_hooks for module in net.modules())
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_a_front_reads_bypassed_layers_and_tuples_of_one_tensor_and_stops_there():
    net = Tuples().eval()
    x = torch.randn(3, 6)
    with torch.no_grad():
        assert torch.equal(front(net, "pair", x)(x), net.pair(x)[0])
    block = Block(4)
    stem = front(block, "stem", IMAGES)
    assert flops(lambda: stem(IMAGES)) == flops(lambda: block.stem(IMAGES)) > 0
    with pytest.raises(InputError, match="layer 'rnn' gives 3 tensors; read a layer"):
        front(net, "rnn", x)


@pytest.mark.parametrize(
    "given, message",
    [
        (dict(layer="three"), "layer 'three' is unknown"),
        (dict(layer="two", engine="fax"), "engine 'fax' is unknown; did you mean 'fx'"),
        (dict(layer="two", inputs=None), "a Block cannot be cut without inputs"),
        (dict(layer="two", engine="sequential"), "a Block is no nn.Sequential"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(given, message):
    with pytest.raises(InputError, match=message) as refused:
        cut(Block(4), **{"inputs": IMAGES, **given})
    assert "\n" not in str(refused.value)
