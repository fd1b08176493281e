"""One policy for the value of an index: arrays, layers and cases give the same status and note for the same rows."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
import torch
from small_networks import case, installed
from torch import nn

import simbench
from simbench import Claims, Inapplicable, Index, InputError, Undefined
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.measuring.value import of_rows
from simbench.moments.views import rows
from simbench.networks import weights

#: What is done to the batch norm of network b: its weights are multiplied, its biases set.
DAMAGES = {
    "constant": (0.0, 1.0, "degenerate", "is constant"),
    "rounding": (3e-7, 1.0, "degenerate", "varies by no more than the rounding of its numbers"),
    "NaN": (3e38, 0.0, "failed", "NaN or infinite"),  # the mean of inf and -inf
    "infinite": (1e37, 3.4e38, "failed", "NaN or infinite"),
}
#: kind -> an answer of an index, and its status and note; without a status for a number and for a mere exception.
ANSWERS = {
    "NaN": (math.nan, "failed", "returned nan"),
    "infinite": (torch.tensor(math.inf), "failed", "returned inf"),
    "above": (1.5, "failed", "returned 1.5, which is outside its claimed range [0, 1]"),
    "below": (-0.1, "failed", "returned -0.1, which is outside its claimed range [0, 1]"),
    "vector": (
        torch.ones(2),
        "failed",
        "returned a Tensor of shape (2,), torch.float32; it must return a 0-dim tensor",
    ),
    "nothing": (None, "failed", "returned None (NoneType); it must return a 0-dim tensor with a real number"),
    "undefined": (Undefined("zero over zero"), "degenerate", "zero over zero"),
    "inapplicable": (Inapplicable("needs equal widths"), "skipped", "needs equal widths"),
    "a number": (0.5, "", ""),
    "an exception": (KeyError("no such thing"), "", ""),
}
INDICES = ["cka", "r2_lr", "cka[kernel=rbf]", "cka[estimator=debiased]"]


@dataclass(frozen=True)
class Answering(Index):
    """Returns an answer of `ANSWERS`, or raises it."""

    kind: str = "a number"

    name, source, claims = "answering", "made by the tests", Claims()

    def from_moments(self, m):
        answer = ANSWERS[self.kind][0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Degenerate(Answering):
    """Declares every value degenerate."""

    name = "declared"

    def degenerate(self, m):
        return "too few rows"


class Fixed(nn.Module):
    """Outputs the same rows whatever its input is."""

    def __init__(self, x):
        super().__init__()
        self.x = x

    def forward(self, x):
        return self.x.clone()


def damaged(selection, folder, factor=1.0, offset=None):
    """The selection with another network b: its bn1 is damaged."""
    network = selection.networks[1]
    state = torch.load(network.file, weights_only=True)
    state["bn1.weight"].mul_(factor)
    if offset is not None:
        state["bn1.bias"].fill_(offset)
    torch.save(state, folder / "damaged.pt")
    other = replace(network, weights=weights.content_hash(state), file=folder / "damaged.pt")
    return replace(selection, networks=(selection.networks[0], other, *selection.networks[2:]))


def limited(selection, n):
    """The selection on n images."""
    return replace(selection, setting=replace(selection.setting, limit=n))


def pooled_rows(selection):
    """Rows of a and b at bn1 on the test images, in view pooled."""
    bench = Workbench(selection)
    return [rows(bench.representation(network, "bn1", "test"), "pooled") for network in selection.networks[:2]]


def by_layers(index, x, y):
    """(status, note) of `similarities`; InputError stands for `failed`."""
    try:
        frame = simbench.similarities(
            index, nn.Sequential(Fixed(x)), nn.Sequential(Fixed(y)), [x], ["0"], view="pooled"
        )
    except InputError as error:
        return "failed", str(error)
    return tuple(frame.loc[0, ["status", "note"]])


def by_case(index, selection):
    """(status, note) of a measured case without a value."""
    (row,) = measure(case(selection, index, view="pooled"), Workbench(selection)).rows
    assert row.value is None
    return row.status, row.note


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("spec", INDICES)
def test_a_side_without_a_value_has_one_status_and_note_everywhere(small, tmp_path, spec, damage):
    factor, offset, status, note = DAMAGES[damage]
    selection, index = damaged(small, tmp_path, factor, offset), installed().get("indices", spec)
    x, y = pooled_rows(selection)
    assert bool(y.isnan().any()) == (damage == "NaN") and bool(y.isinf().any()) >= (damage == "infinite")
    result = of_rows(index, x, y)
    assert (result.value, result.status) == (None, status) and note in result.note
    with pytest.raises(InputError, match=note):
        simbench.similarity(index, x, y)
    roads = [by_case(index, selection)] + ([by_layers(index, x, y)] if index.needs == "moments" else [])
    for found in roads:
        assert found[0] == status and note in found[1]


@pytest.mark.parametrize("spec", INDICES)
def test_three_rows_are_too_few_everywhere(small, spec):
    selection, index = limited(small, 3), installed().get("indices", spec)
    x, y = pooled_rows(selection)
    result = of_rows(index, x, y)
    assert (result.value, result.status, result.note) == (None, "degenerate", "a has 3 rows; at least 4 are needed")
    with pytest.raises(InputError, match="3 rows; at least 4 are needed"):
        simbench.similarity(index, x, y)
    assert by_case(index, selection) == ("degenerate", "bn1 of net-0 has 3 rows; at least 4 are needed")
    if index.needs == "moments":
        assert by_layers(index, x, y) == ("degenerate", "'0' of a has 3 rows; at least 4 are needed")


@pytest.mark.parametrize("kind", [kind for kind, (_, status, _) in ANSWERS.items() if status])
def test_an_answer_that_is_no_value_has_one_status_and_note_everywhere(small, kind):
    _, status, note = ANSWERS[kind]
    index, (x, y) = Answering(kind), pooled_rows(small)
    result = of_rows(index, x, y)
    assert (result.value, result.status) == (None, status) and note in result.note
    with pytest.raises(InputError) as error:
        simbench.similarity(index, x, y)
    assert result.note in str(error.value)
    for found in (by_layers(index, x, y), by_case(index, small)):
        assert found[0] == status and found[1].removeprefix("ArithmeticError: ") == result.note


def test_a_number_that_is_declared_degenerate_is_given_everywhere(small):
    index, (x, y) = Degenerate(), pooled_rows(small)
    result = of_rows(index, x, y)
    assert (result.value, result.status, result.note) == (0.5, "degenerate", "too few rows")
    with pytest.warns(simbench.DegenerateWarning, match="too few rows"):
        assert simbench.similarity(index, x, y) == 0.5
    assert by_layers(index, x, y) == ("degenerate", "too few rows")
    (row,) = measure(case(small, index, view="pooled"), Workbench(small)).rows
    assert (row.value, row.status, row.note) == (0.5, "degenerate", "too few rows")


def test_any_other_exception_of_an_index_propagates_and_fails_its_case(small):
    index, (x, y) = Answering("an exception"), pooled_rows(small)
    for act in (
        lambda: of_rows(index, x, y),
        lambda: simbench.similarity(index, x, y),
        lambda: by_layers(index, x, y),
        lambda: Workbench(small).similarity(index, case(small, index, view="pooled")),
    ):
        with pytest.raises(KeyError, match="no such thing"):
            act()
    assert by_case(index, small) == ("failed", "KeyError: 'no such thing'")


def test_sides_of_other_height_and_width_are_skipped_in_view_spatial_and_other_counts_are_refused(small):
    index = installed().get("indices", "cka")
    maps = [torch.randn(9, 3, side, side, generator=torch.Generator().manual_seed(side)) for side in (4, 2)]
    nets = [nn.Sequential(nn.AdaptiveAvgPool2d(side)) for side in (4, 2)]
    frame = simbench.similarities(index, *nets, [maps[0]], ["0"])
    note = "{} is 4 x 4 and {} is 2 x 2: their rows do not pair in view spatial; view 'pooled' pairs them"
    assert tuple(frame.loc[0, ["status", "note"]]) == ("skipped", note.format("'0' of a", "'0' of b"))
    sizes = case(small, index, layer="bn1", layer_b="conv2")
    (row,) = measure(sizes, Workbench(small)).rows
    assert row.status == "skipped" and "their rows do not pair in view spatial" in row.note
    with pytest.raises(InputError, match=r"a has 144 rows and b has 36 in view 'spatial'.*try view='pooled'"):
        simbench.similarity(index, *maps)


@pytest.mark.parametrize("damage", ["constant", "rounding"])
def test_the_residual_of_a_stitch_into_a_side_that_does_not_vary_is_degenerate(small, tmp_path, damage):
    factor, offset, status, note = DAMAGES[damage]
    selection = damaged(small, tmp_path, factor / 3, offset)  # in view spatial single pixels vary more than means
    bench, stitcher = Workbench(selection), installed().get("stitchers", "least_squares")
    one = case(selection, stitcher)
    residual = {row.quantity: row for row in bench.stitched(bench.fit(stitcher, one), one)}["residual"]
    assert (residual.value, residual.status) == (None, status) and note in residual.note
