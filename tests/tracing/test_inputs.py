"""Inputs: each network is given its own, all of them, and what could mean several things is asked for."""

from collections import UserDict, namedtuple

import numpy as np
import pytest
import torch
from small_nets import IMAGES
from torch import nn

import simbench
from simbench import InputError, similarities


def seeded(make, seed):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make().double()


class Shifting(nn.Module):
    """Begins in place, as networks that normalise their images do."""

    def __init__(self, first):
        super().__init__()
        self.first = first

    def forward(self, x):
        return self.first(x.sub_(0.5).div_(0.25))


class Rectifying(nn.Module):
    """Begins with ReLU(inplace=True)."""

    def __init__(self, first):
        super().__init__()
        self.rise, self.first = nn.ReLU(inplace=True), first

    def forward(self, x):
        return self.first(self.rise(x))


CONVOLUTION, MLP = (lambda: nn.Conv2d(3, 6, 3)), (lambda: nn.Linear(9, 7))
ROWS = torch.randn(40, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("begin", [Shifting, Rectifying])
@pytest.mark.parametrize(
    "make, data",
    [
        (CONVOLUTION, IMAGES),
        (CONVOLUTION, IMAGES.contiguous(memory_format=torch.channels_last)),
        (MLP, ROWS),
        (lambda: nn.Conv2d(1, 6, 3), IMAGES[:, :1].contiguous()),
        (lambda: nn.Linear(8, 5), IMAGES),
    ],
    ids=["images", "channels last", "rows", "one channel", "no convolution"],
)
def test_neither_network_sees_what_the_other_writes_to_its_inputs(begin, make, data):
    a, b = (begin(seeded(make, seed)) for seed in (0, 1))
    batches, before = [data[:20], data[20:]], data.clone()
    start = (data - 0.5) / 0.25 if begin is Shifting else data.relu()
    with torch.no_grad():
        x, y = (net.first(start) for net in (a, b))
    x, y = (z.permute(0, 3, 1, 2) if isinstance(a.first, nn.Linear) and z.ndim == 4 else z for z in (x, y))
    for batch in (batches, (each for each in batches)):
        found = similarities("cka", a, b, batch, ["first"])
        assert found.loc[0, "value"] == pytest.approx(simbench.similarity("cka", x, y), abs=1e-10)
        assert torch.equal(data, before)
    found = similarities("cka", a, b, [data[:20], data[:20]], ["first"])  # one tensor twice
    assert found.loc[0, "value"] == pytest.approx(simbench.similarity("cka", x[:20], y[:20]), abs=1e-10)
    own = similarities("cka", a, a, batches, ["first"])
    assert own.loc[0, "value"] == pytest.approx(1) and torch.equal(data, before)


class Counting(nn.Module):
    """Counts what it has seen in a buffer, by which it multiplies its inputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(9, 7)
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += len(x)
        return self.first(x * (1 + self.seen)).mul_(0)  # nor does it matter what is written to an output


def test_a_network_that_writes_to_its_buffers_is_as_it_was_afterwards():
    a = seeded(Counting, 0)
    b = nn.Sequential(seeded(MLP, 1))
    with torch.no_grad():
        x = torch.cat([a.first(part * (1 + 10 * k)) for k, part in enumerate(ROWS.split(10), 1)])
        expected = simbench.similarity("cka", x, b(ROWS))
    for _ in range(2):
        found = similarities("cka", a, b, ROWS.split(10), ["first"], ["0"])
        assert found.loc[0, "value"] == pytest.approx(expected, abs=1e-10) and a.seen == 0
        a.cannot_be_copied = (x for x in ())


class Two(nn.Module):
    """Takes two arguments, or one."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.sum = nn.Linear(9, 5), nn.Linear(9, 5), nn.Identity()

    def forward(self, x, y=None):
        return self.sum(self.left(x) if y is None else self.left(x) + self.right(y))


class Needing(Two):
    def forward(self, x, y):
        return super().forward(x, y)


class Nested(Two):
    """Takes one argument that holds two, and writes to both."""

    def forward(self, both):
        x, y = both.values() if isinstance(both, dict) else both
        return super().forward(x.mul_(2), y.add_(1))


class Starred(Two):
    def forward(self, *both):
        return super().forward(*both)


Y = ROWS.flip(0) ** 2
Named = namedtuple("Named", "x y")


@torch.no_grad()
def summed(net, x, y):
    return net.left(x) + net.right(y)


@pytest.mark.parametrize("kind", [Two, Needing, Starred])
@pytest.mark.parametrize(
    "inputs, batch",
    [
        (lambda batch: (batch[0], batch[1]), [ROWS, Y]),
        (lambda batch: list(batch), (ROWS, Y)),
        (tuple, Named(ROWS, Y)),
        (lambda batch: (batch["x"], batch["y"]), {"x": ROWS, "y": Y, "labels": None}),
        ((lambda batch: (batch[0], batch[1]),) * 2, (ROWS, Y, "names")),
    ],
)
def test_all_arguments_that_are_chosen_reach_the_network(kind, inputs, batch):
    a, b = seeded(kind, 0), seeded(kind, 1)
    found = similarities("cka", a, b, [batch], ["sum"], inputs=inputs)
    expected = simbench.similarity("cka", summed(a, ROWS, Y), summed(b, ROWS, Y))
    assert found.loc[0, "value"] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("kind", [Two, Needing])
@pytest.mark.parametrize("mapping", [dict, UserDict])
def test_a_mapping_is_keyword_arguments(kind, mapping):
    a, b = seeded(kind, 0), seeded(kind, 1)
    expected = simbench.similarity("cka", summed(a, ROWS, Y), summed(b, ROWS, Y))
    for batch in (mapping(y=Y, x=ROWS), [mapping(y=Y, x=ROWS)]):
        assert similarities("cka", a, b, [batch], ["sum"]).loc[0, "value"] == pytest.approx(expected, abs=1e-10)
    chosen = similarities("cka", a, b, [(0, ROWS, Y)], ["sum"], inputs=lambda batch: mapping(x=batch[1], y=batch[2]))
    assert chosen.loc[0, "value"] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize(
    "pack", [lambda x, y: ((x, y), 0), lambda x, y: [[x, y], "label"], lambda x, y: (Named(x, y),)]
)
def test_one_argument_that_holds_several_tensors_is_copied_with_all_of_them(pack):
    a, b, before = seeded(Nested, 0), seeded(Nested, 1), (ROWS.clone(), Y.clone())
    found = similarities("cka", a, b, [pack(ROWS, Y)], ["sum"])
    expected = simbench.similarity("cka", summed(a, 2 * ROWS, Y + 1), summed(b, 2 * ROWS, Y + 1))
    assert found.loc[0, "value"] == pytest.approx(expected, abs=1e-10)
    assert torch.equal(ROWS, before[0]) and torch.equal(Y, before[1])


def test_the_two_networks_may_be_called_with_different_parts_of_a_batch():
    a, b = nn.Sequential(seeded(MLP, 0)), seeded(Needing, 1)
    parts = (lambda batch: batch[1], lambda batch: (batch[1], batch[0]))
    found = similarities("cka", a, b, [(ROWS, Y)], ["0"], ["sum"], inputs=parts)
    with torch.no_grad():
        expected = simbench.similarity("cka", a(Y), summed(b, Y, ROWS))
    assert found.loc[0, "value"] == pytest.approx(expected, abs=1e-10)
    same = similarities("cka", a, a, [(ROWS, Y)], ["0"], inputs=(lambda batch: batch[0], lambda batch: batch[1]))
    with torch.no_grad():
        assert same.loc[0, "value"] == pytest.approx(simbench.similarity("cka", a(ROWS), a(Y)), abs=1e-10)


def test_whole_numbers_are_inputs():
    net = nn.Sequential(nn.Embedding(20, 6), nn.Flatten(), nn.Linear(18, 4)).double()
    words = torch.randint(20, (30, 3), generator=torch.Generator().manual_seed(0))
    found = similarities("cka", net, net, [(words, torch.zeros(30))], ["2"])
    assert found.loc[0, "value"] == pytest.approx(1)


@pytest.mark.parametrize(
    "net, batch, options, message",
    [
        (Two, (ROWS, Y), {}, r"may take more than the first; give inputs="),
        (Needing, (ROWS, Y), {}, r"forward\(x, y\) of a may take more than the first; give inputs="),
        (Two, [ROWS, torch.zeros(40, dtype=torch.long)], {}, "may take more than the first"),
        (Starred, (ROWS, Y), {}, "may take more than the first"),
        (Needing, ROWS, {}, "missing a required argument: 'y'.*give inputs="),
        (Needing, {"x": ROWS}, {}, "missing a required argument: 'y'"),
        (Two, {"x": ROWS, "extra": Y}, {}, r"a batch has 'extra', which forward\(x, y=None\) of a does not take"),
        (Two, ({"x": ROWS, "extra": Y},), {}, "a batch has 'extra'"),
        (Two, {0: ROWS}, {}, "keys are not names of arguments"),
        (Two, None, {}, "a batch has inputs of type NoneType"),
        (Two, ROWS.numpy(), {}, "a batch has inputs of type ndarray; give tensors"),
        (Two, {"x": ROWS.numpy()}, {}, "a batch has inputs of type ndarray"),
        (Two, [], {}, "a batch has inputs of type list"),
        (Two, ROWS, {"inputs": "x"}, "inputs is a str; give inputs=, a function of a batch"),
        (Two, ROWS, {"inputs": lambda batch: np.ones(3)}, "a batch has inputs of type ndarray"),
        (
            Two,
            (ROWS, Y),
            {"inputs": (lambda batch: batch[0], lambda batch: batch[1][:9])},
            "40 inputs for a and 9 for b",
        ),
    ],
)
def test_what_is_ambiguous_or_does_not_fit_is_one_line_with_the_remedy(net, batch, options, message):
    a, b = seeded(net, 0), seeded(net, 1)
    with pytest.raises(InputError, match=message) as error:
        similarities("cka", a, b, [batch], ["sum"], **options)
    assert "\n" not in str(error.value)


def test_parameters_without_a_shape_are_refused():
    with pytest.raises(InputError, match="uninitialised lazy parameters; run it once"):
        similarities("cka", nn.Sequential(nn.LazyLinear(3)), nn.Sequential(nn.LazyLinear(3)), [ROWS])
