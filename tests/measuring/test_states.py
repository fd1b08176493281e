"""Indices of states on the bench: each representation is prepared once, and nobody's states are spoilt."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
import torch
from counting import Counting, Counts, oracle
from small_cases import SAME, activations, get
from small_networks import case

from simbench import Affine
from simbench.errors import Spoilt
from simbench.isolation.answers import number
from simbench.isolation.states import Sealed, weighed
from simbench.measuring.bench import Workbench
from simbench.measuring.evaluate import evaluate
from simbench.measuring.measure import measure


@pytest.fixture(autouse=True)
def nothing_counted():
    Counts.taken()


def cases(small, index, **options):
    return [case(small, index, a, b, **options) for a, b in permutations(range(3), 2)]


@pytest.mark.parametrize("view", ["spatial", "pooled", "flat"])
def test_every_network_is_prepared_once_at_every_layer(small, context, view):
    index = Counting()
    for layer in ("bn1", "conv2"):
        for one in cases(small, index, layer=layer, view=view):
            row = context.similarity(index, one)
            x, y = (activations(small, small.networks.index(net), layer) for net in (one.a, one.b))
            x, y = (z.flatten(1) if view == "flat" else z.mean((2, 3)) for z in (x, y))
            if view != "spatial":
                assert row.value == pytest.approx(oracle(x, y), abs=SAME)
    assert Counts.taken() == (6, 12)


def test_both_sides_draw_the_same_rows(small):
    """144 pixels of bn1 on each of 60 images: drawn, and those of a network and itself pair."""
    context, index = Workbench(small), Counting()
    row = context.similarity(index, case(small, index, 0, 0))
    assert row.value == pytest.approx(1) and row.note.startswith("on 2000 rows drawn of")
    assert set(Counting.prepared) == {(2000, Counting.prepared[0][1])} and Counts.taken() == (1, 1)


@pytest.mark.parametrize("memory", [0, 100_000, 2**26])
def test_no_limit_of_memory_changes_a_value(small, memory):
    def values(bench):
        return [bench.similarity(index, one).value for one in cases(small, index, view="pooled")]

    index = Counting()
    assert values(Workbench(small, memory=memory)) == values(Workbench(small))


def test_states_that_do_not_fit_are_prepared_again(small):
    index = Counting()
    bench = Workbench(small, memory=0)
    for one in cases(small, index, view="pooled"):
        bench.similarity(index, one)
    assert Counts.taken() == (12, 6)


@pytest.mark.parametrize("spoils", ["torch", "numpy"])
def test_an_index_that_changes_a_state_fails_and_nobody_computes_with_it(small, context, spoils):
    wrong, right = Counting(spoils=spoils), Counting()
    for one in cases(small, wrong, view="pooled"):
        with pytest.raises(Spoilt, match="changed a state"):
            context.similarity(wrong, one)
    alone = Workbench(small)
    for one in cases(small, right, view="pooled"):
        assert context.similarity(right, one).value == alone.similarity(right, one).value


def test_why_a_side_has_no_state_is_remembered_and_names_the_side(small, context):
    narrow = small.networks[2]
    width = context.shape(narrow, "bn1")[0]
    index = Counting(refuses=width)
    rows = [context.similarity(index, one) for one in cases(small, index, view="pooled")]
    told = [row.note for row in rows if row.status == "degenerate"]
    assert told == [f"bn1 of {narrow.name} has rows of a width that is refused"] * 4
    assert [row.status for row in rows].count("ok") == 2
    assert Counts.taken() == (3, 2)


def test_another_exception_of_prepare_fails_the_pairs_of_that_side(small, context):
    index = Counting(raises=context.shape(small.networks[2], "bn1")[0])
    results = [measure(one, context) for one in cases(small, index, view="pooled")]
    rows = [row for result in results for row in result.rows]
    assert [row.status for row in rows].count("failed") == 4
    assert {row.note for row in rows if row.status == "failed"} == {"ValueError: not this width"}


def test_what_prepare_draws_depends_on_the_representation_alone(small):
    class Drawing(Counting):
        name = "drawing"

        def prepare(self, rows):
            return super().prepare(rows + torch.randn(rows.shape, dtype=rows.dtype))

    given = cases(small, Drawing(), view="pooled")
    forwards, backwards = (
        [measure(one, bench).rows[0].value for one in order]
        for bench, order in ((Workbench(small), given), (Workbench(small), given[::-1]))
    )
    assert forwards == backwards[::-1]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.bool, torch.complex64])
def test_a_seal_sees_every_change_also_a_change_of_places(dtype):
    x = torch.arange(150_000).reshape(-1, 3).remainder(7).to(dtype)
    before = weighed(x)
    assert weighed(x.clone()) == before == weighed(x.clone().mT.contiguous().mT)
    for place in ((0, 0), (-1, -1), (40_000, 1)):
        y = x.clone()
        y[place] = y[place] == 0
        assert weighed(y) != before or torch.equal(x, y)
    assert weighed(x.flip(0)) != before
    y = x.clone()
    y[[1, 40_000]] = y[[40_000, 1]]
    assert weighed(y) != before or torch.equal(x, y)


def test_a_state_is_lent_in_containers_of_its_own():
    index = Counting()
    sealed = Sealed.of(index, {"x": torch.ones(3), "y": torch.zeros(2)})
    lent = sealed.lent
    lent.pop("x")
    lent["y"].requires_grad_()
    assert sealed.unchanged and set(sealed.lent) == {"x", "y"} and not sealed.lent["y"].requires_grad
    assert sealed.nbytes == 20
    replace(sealed).state["y"][0] = 1
    assert not sealed.unchanged


def test_a_state_of_something_else_is_refused():
    with pytest.raises(TypeError, match="prepared a state with str in it"):
        Sealed.of(Counting(), (torch.ones(1), "text"))


class Drawing(Counting):
    """Prepares a number drawn from torch's global generator."""

    def prepare(self, rows):
        return torch.rand(1, dtype=torch.float64)

    def compare(self, a, b):
        return ((a - b) / 2).squeeze()


def test_what_is_drawn_while_preparing_depends_on_the_rows_alone(small):
    forward, back = cases(small, Drawing(), view="pooled")[:1], cases(small, Drawing(), view="pooled")[::-1]
    first = Workbench(small).similarity(Drawing(), forward[0]).value
    bench = Workbench(small)
    again = {(one.a.name, one.b.name): bench.similarity(Drawing(), one).value for one in back}
    assert first == again[forward[0].a.name, forward[0].b.name] != 0


def test_of_many_stitches_into_one_layer_that_layer_is_prepared_once(small, context):
    index = Counting()
    one = case(small, index, b=2, view="flat")
    a, b = activations(small, 0, "bn1"), activations(small, 2, "bn1")
    for seed in range(3):
        generator = torch.Generator().manual_seed(seed)
        affine = Affine(torch.randn(a.shape[1], b.shape[1], generator=generator))
        value = context.stitched_similarity(index, affine, one)
        assert value == pytest.approx(oracle(affine(a).flatten(1), b.flatten(1)), abs=SAME)
    assert Counts.taken() == (4, 3)


def test_cka_of_a_stitch_is_to_the_last_bit_that_of_its_rows(small, context):
    one = case(small, get("cka"), b=2, view="flat")
    a, b = (context.representation(network, "bn1", "test") for network in (one.a, one.b))
    affine = Affine(torch.ones(a.shape[1], b.shape[1]))
    value = number(one.method, evaluate(one.method, affine(a).flatten(1).double(), b.flatten(1).double())[0])
    assert [context.stitched_similarity(one.method, affine, one) for _ in range(2)] == [value, value]
