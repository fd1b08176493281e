"""Several passes within a bound of memory, and layers wider than there are rows: the same values, without p x p."""

import itertools
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from small_nets import IMAGES, LAYERS, net
from torch import nn

import simbench
from simbench import DegenerateWarning, InputError, similarities
from simbench.comparison.passes import Tile, packed, tiles
from simbench.moments.memory import taken

A, B = net(0, width=5), net(1, width=3)


class Again:
    """Batches that can be read again, of unknown number; counts how often they were."""

    def __init__(self, batches):
        self.batches, self.read = batches, 0

    def __iter__(self):
        self.read += 1
        return iter(self.batches)


def stack(seed, widths=(150, 40, 200, 90, 150, 30)):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(*(nn.Linear(p, q) for p, q in itertools.pairwise((20, *widths))))


ROWS = torch.randn(700, 20, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("indices", ["cka,pwcca", "cka[estimator=minibatch]"])
@pytest.mark.parametrize(
    "same", [pytest.param(False, id="two networks"), pytest.param(True, id="one network", marks=pytest.mark.long)]
)
def test_several_passes_give_bitwise_the_values_of_one(indices, same):
    a = stack(0)
    b = a if same else stack(1, (60, 180, 150))
    batches = Again(ROWS.split(128 if "pwcca" in indices else 256))  # two minibatches each
    whole = similarities(indices, a, b, batches, view="pooled")
    assert batches.read == 1
    parts = similarities(indices, a, b, batches, view="pooled", memory="8MB" if "pwcca" in indices else "1MB")
    assert batches.read > 2
    pd.testing.assert_frame_equal(parts, whole, check_exact=True)
    pd.testing.assert_frame_equal(
        similarities(indices, a, b, batches.batches, view="pooled", memory="8MB"), whole, check_exact=True
    )


@pytest.mark.parametrize(
    "n",
    [
        pytest.param(60, id="wider than rows"),
        pytest.param(300, id="some wider"),
        pytest.param(700, id="none wider", marks=pytest.mark.long),
    ],
)
def test_a_pair_has_bitwise_the_same_value_whatever_layers_are_looked_at_beside_it(n):
    a, b = stack(0), stack(1)
    whole = similarities("cka,r2_lr,cca", a, b, [ROWS[:n]]).set_index(["index", "layer_a", "layer_b"])
    for layers in (["1", "2"], ["5"], ["0", "3", "5"]):
        alone = similarities("cka,r2_lr,cca", a, b, ROWS[:n].split(50), layers, layers[::-1])
        for row in alone.itertuples(index=False):
            assert row.value == whole.loc[(row[0], row.layer_a, row.layer_b), "value"]


@pytest.mark.long
def test_a_stack_of_many_layers_stays_within_its_memory():
    """Whether batches can be read again or are a list."""
    program = Path(__file__).parents[1] / "support" / "small_peak.py"
    command = [sys.executable, program, "24", "128", "200", "again,list", "cka", "32MB"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    peaks = [int(line) for line in done.stdout.split()]
    # One pass takes 108 MB. From process to process the allocator holds 10 MB more or less of what is free.
    assert len(peaks) == 2 and max(peaks) < 48 * 2**20, peaks


#: Widths of the outputs of the leaves of a ResNet-50, view pooled.
RESNET50 = (
    [64] * 3
    + [64, 64, 64, 64, 256, 256, 256] * 3
    + [128, 128, 128, 128, 512, 512, 512] * 4
    + [256, 256, 256, 256, 1024, 1024, 1024] * 6
    + [512, 512, 512, 512, 2048, 2048, 2048] * 3
    + [2048, 1000]
)


def test_the_passes_of_two_resnet50s_fit_and_look_at_every_pair_once():
    widths = {(side, str(k)): width for side in "ab" for k, width in enumerate(RESNET50)}
    sides, room = [[key for key in widths if key[0] == side] for side in "ab"], 2 * 2**30

    def cost(a, b):
        own = [{key: widths[key] for key in side} for side in (a, b)]
        return taken(*own, {key: 4 * widths[key] for key in (*a, *b)}, 128, None, room)[0]

    assert cost(*sides) > 20e9  # in one pass
    found = tiles(*sides, cost, room, widths.get)
    pairs = [pair for tile in found for pair in itertools.product(tile.a, tile.b)]
    assert len(pairs) == len(set(pairs)) == len(RESNET50) ** 2
    passes = packed([(0, tile) for tile in found], room)
    assert all(sum(tile.bytes for _, tile in each) <= room for each in passes) and len(passes) <= 48
    for tile in found:  # the comoments alone
        p, q = (sum(widths[key] for key in side) for side in (tile.a, tile.b))
        assert 8 * (p * q + sum(widths[key] ** 2 for key in tile.layers)) <= tile.bytes


def test_few_rows_of_many_layers_are_kept_instead_of_sums():
    widths = {(side, str(k)): width for side in "ab" for k, width in enumerate(RESNET50)}
    sides = [{key: width for key, width in widths.items() if key[0] == side} for side in "ab"]
    bytes, limit = taken(*sides, {key: 4 * width for key, width in widths.items()}, 32, 64, 2 * 2**30)
    assert limit == 64 and bytes < 2 * 2**30


def test_tiles_are_packed_in_their_order():
    parts = [(0, Tile((), (), bytes)) for bytes in (5, 4, 3, 8, 2)]
    assert [[tile.bytes for _, tile in each] for each in packed(parts, 10)] == [[5, 4], [3], [8, 2]]


@pytest.mark.parametrize(
    "batches, options, message",
    [
        (
            iter(ROWS.split(100)),
            {"memory": "8MB"},
            r"in one pass take about [\d.]+ MB and memory has room for 7.0 MB; batches can "
            "be read only once: give a list or a DataLoader, more memory",
        ),
        (
            ROWS.split(100),
            {"memory": "1MB"},
            r"layers '1' and '2' take [\d.]+ MB together, and memory has room for [\d.]+ MB; give",
        ),
        (ROWS.split(100), {"memory": "much"}, "memory is 'much'; allowed: 1MB or more"),
        (ROWS.split(100), {"memory": 3}, "memory is 3; allowed"),
    ],
)
def test_what_does_not_fit_is_one_line_that_says_what_it_takes(batches, options, message):
    with pytest.raises(InputError, match=message) as error:
        similarities("cka", stack(0), stack(1), batches, **options)
    assert "\n" not in str(error.value)


def test_an_iterator_is_read_once_where_that_fits():
    once, often = (
        similarities("cka", A, B, batches, LAYERS, view="pooled")
        for batches in (iter(IMAGES.split(9)), IMAGES.split(9))
    )
    pd.testing.assert_frame_equal(once, often, check_exact=True)


def test_batches_that_are_gone_in_the_second_pass_are_refused():
    class Gone(Again):
        def __iter__(self):
            return iter(super().__iter__() if self.read == 0 else [])

    with pytest.raises(InputError, match="700 inputs in the first pass and 0 in another; give an iterable"):
        similarities("cka", stack(0), stack(1), Gone(ROWS.split(100)), memory="8MB")


def test_batches_that_grow_beyond_what_the_first_promised_are_read_anew():
    batches = [ROWS[:40], ROWS[40:60], ROWS[60:]]
    small = similarities("cka", stack(0), stack(1), batches, memory="8MB")
    pd.testing.assert_frame_equal(small, similarities("cka", stack(0), stack(1), batches), check_exact=True)


@pytest.mark.parametrize("index", ["cka", "cca", "svcca", "r2_lr", "pwcca", "r2_lr[centred=false]"])
def test_layers_wider_than_rows_have_the_values_of_their_rows(index):
    a, b, x = stack(0), stack(1), ROWS[:60]
    found = similarities(index, a, b, x.split(25)).set_index(["layer_a", "layer_b"])
    with torch.no_grad():
        left, right = ({str(k): network[: k + 1](x) for k in range(6)} for network in (a, b))
    for i, j in [("0", "2"), ("2", "1"), ("1", "0"), ("5", "4"), ("1", "5")]:
        row = found.loc[(i, j)]
        if row["status"] == "degenerate":
            with pytest.warns(DegenerateWarning):
                expected = simbench.similarity(index, left[i], right[j])
        else:
            expected = simbench.similarity(index, left[i], right[j])
        assert row["value"] == pytest.approx(expected, abs=1e-6 if index == "svcca" else 1e-7)


def test_wide_layers_of_few_rows_are_not_decomposed_in_their_neurons(monkeypatch):
    sizes = []
    for name in ("eigh", "svd", "eigvalsh", "svdvals"):
        real = getattr(torch.linalg, name)
        monkeypatch.setattr(
            torch.linalg,
            name,
            lambda x, *args, real=real, **options: (sizes.append(min(x.shape)), real(x, *args, **options))[1],
        )
    found = similarities("cka,cca,svcca,r2_lr", stack(0, (1500, 800)), stack(1, (1200,)), [ROWS[:32]])
    assert set(found["status"]) == {"ok", "degenerate"} and max(sizes) <= 32


def test_progress_names_pass_and_batch(monkeypatch):
    """Each batch and each value takes three seconds of this clock."""
    seconds = itertools.count(step=3)
    monkeypatch.setattr("simbench.system.batches.time", SimpleNamespace(monotonic=lambda: next(seconds)))
    told: list[str] = []
    similarities("cka", A, B, list(IMAGES.chunk(4)), layers=LAYERS[:2], progress=told.append)
    assert told[:3] == [f"pass 1 of 1: batch {i} of 4" for i in (1, 2, 3)]
    assert told[3:] == [f"values of pass 1 of 1: number {i}" for i in (1, 2, 3)]
    told.clear()
    again = Again(IMAGES.chunk(4))
    similarities("cka", A, B, again, layers=LAYERS[:2], progress=told.append)
    assert told[0] == "pass 1 of 1: batch 1"
