"""similarities() of indices that need samples: one draw for all layers that pair, each layer prepared once."""

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from counting import Counting, Counts
from right_states import RSA, Neighbours, Shape
from small_nets import IMAGES, LAYERS, activations, net

import simbench
from simbench import InputError, Undefined, similarities
from simbench.comparison.drawing import Draw, Sample, priorities

A, B = net(0, width=5), net(1, width=3)
BATCHES = list(IMAGES.split(9))


def few(kind, most):
    """The index on few rows."""
    return type(kind.__name__, (kind,), {"max_rows": most})()


class Rows(simbench.Index):
    """Not of states: the distance of A and B on their shared features."""

    name, source = "small_rows", "this test"

    @property
    def claims(self):
        return simbench.Claims(-1, True, (0.0, float("inf")))

    def from_samples(self, a, b):
        shared = min(a.shape[1], b.shape[1])
        return (a[:, :shared] - b[:, :shared]).norm()


def rows(x, view):
    if x.ndim == 2:
        return x
    return {"spatial": lambda: x.permute(0, 2, 3, 1).flatten(0, 2), "flat": lambda: x.flatten(1)}.get(
        view, lambda: x.mean((2, 3))
    )()


def drawn(count, most):
    """The numbers of the rows drawn, from all priorities at once."""
    return np.sort(np.argsort(priorities(0, count))[:most])


@pytest.mark.parametrize("kind", [RSA, Neighbours, Shape, Rows])
@pytest.mark.parametrize(("view", "most"), [("spatial", 20), ("flat", 20), ("pooled", 20), ("pooled", None)])
def test_values_are_those_of_similarity_on_the_rows_drawn(kind, view, most):
    index, layers = few(kind, most), ["stem", "block", "down"]
    found = similarities(index, A, B, BATCHES, layers, view=view)
    a, b = activations(A), activations(B)
    for row in found.itertuples():
        x, y = (rows(z, view) for z in (a[row.layer_a], b[row.layer_b]))
        if len(x) != len(y):
            assert row.status == "skipped" and "rows do not pair" in row.note
            continue
        places = drawn(len(x), most) if most else np.arange(len(x))
        assert row.value == pytest.approx(simbench.similarity(index, x[places], y[places]), abs=1e-9)
        assert row.note == (f"on {most} rows drawn of {len(x)}" if most and most < len(x) else "")


@pytest.fixture
def limited(monkeypatch):
    """Limits of memory below those that the option allows."""
    return lambda size: monkeypatch.setattr("simbench.comparison.layers.bytes_of", lambda text, name: size)


@pytest.mark.parametrize("memory", [2**31, 100_000])
def test_each_layer_is_prepared_once_where_memory_allows_and_each_pair_compared_once(memory, limited):
    limited(memory)
    Counts.taken()
    found = similarities(Counting(), A, B, BATCHES, LAYERS, view="pooled")
    prepared, compared = Counts.taken()
    assert compared == len(found) == 36 and (prepared == 12 if memory > 2**20 else prepared > 12)
    limited(2**31)
    whole = similarities(Counting(), A, B, BATCHES, LAYERS, view="pooled")
    pd.testing.assert_frame_equal(found, whole, check_exact=True)


@pytest.mark.parametrize("memory", [2**31, 100_000])
def test_an_inner_product_of_all_pairs_is_a_matrix_product_without_comparisons(memory, limited):
    """The same values as pair by pair; a network and itself is prepared once."""

    class Inner(Counting):
        inner = True

    limited(memory)
    Counts.taken()
    found = similarities(Inner(), A, B, BATCHES, LAYERS, view="pooled")
    prepared, compared = Counts.taken()
    assert compared == 0 and (prepared == 12 if memory > 2**20 else prepared > 12)
    pairs = similarities(Counting(), A, B, BATCHES, LAYERS, view="pooled")
    pd.testing.assert_frame_equal(found, pairs, rtol=0, atol=1e-14)
    Counts.taken()
    own = similarities(Inner(), A, A, BATCHES, ["stem", "block", "rise"], view="pooled")
    assert Counts.taken() == (3, 0)
    assert own["value"].to_numpy().reshape(3, 3).diagonal() == pytest.approx(1)


def test_which_rows_are_drawn_does_not_depend_on_batches_other_layers_or_passes(limited):
    index = few(Shape, 50)
    whole = similarities(index, A, B, [IMAGES], LAYERS, view="spatial")
    for batches, memory in ((BATCHES, 2**31), (list(IMAGES.split(2)), 120_000)):
        limited(memory)
        found = similarities(index, A, B, batches, LAYERS, view="spatial")
        pd.testing.assert_frame_equal(found, whole, rtol=0, atol=1e-9)
    one = similarities(index, A, B, [IMAGES], "block", view="spatial")
    same = whole[(whole["layer_a"] == "block") & (whole["layer_b"] == "block")]
    assert one["value"].item() == same["value"].item()


def test_indices_of_every_kind_come_in_one_pass():
    seen = []
    a = net(0)
    a.register_forward_hook(lambda module, given, output: seen.append(len(output)))
    indices = ["cka", few(RSA, 30), "cka[kernel=rbf]", Shape()]
    found = similarities(indices, a, B, BATCHES, ["stem", "last"], view="pooled")
    assert seen == [9, 9, 9, 9, 1] and set(found["status"]) == {"ok"} and len(found) == 16
    assert list(found["index"].unique()) == ["cka", "small_rsa", "cka[kernel=rbf]", "small_shape"]


def test_a_side_without_a_state_and_an_index_that_spoils_states_cost_their_own_rows():
    class Narrow(RSA):
        def prepare(self, rows):
            if rows.shape[1] == 5:
                raise Undefined("has five features")
            return super().prepare(rows)

    for index in (Narrow(), type("Pairs", (Narrow,), {"inner": False})()):
        found = similarities(index, A, B, BATCHES, ["stem", "down"], view="pooled").set_index(["layer_a", "layer_b"])
        assert found["note"]["stem", "stem"] == "'stem' of a has five features"
        assert found["note"]["down", "down"] == "'down' of b has five features"
        assert found["status"].to_dict() == {
            ("stem", "stem"): "degenerate",
            ("stem", "down"): "degenerate",
            ("down", "stem"): "ok",
            ("down", "down"): "degenerate",
        }
    spoilt = similarities([Counting(spoils="numpy"), RSA()], A, B, BATCHES, ["stem", "down"], view="pooled")
    assert spoilt.groupby("index")["status"].unique().map(list).to_dict() == {
        "counting[spoils=numpy]": ["failed"],
        "small_rsa": ["ok"],
    }


def test_constant_layers_have_no_value_and_are_not_prepared():
    a = net(0)
    with torch.no_grad():
        a.down.weight.zero_()
    Counts.taken()
    found = similarities(Counting(), a, B, BATCHES, ["stem", "down"], view="pooled")
    assert list(found["status"]) == ["ok"] * 2 + ["degenerate"] * 2 and "'down' of a is constant" in found["note"][2]
    assert Counts.taken() == (1 + 2, 2)


def test_nan_outside_the_drawn_rows_is_refused_too():
    broken = IMAGES.clone()
    broken[drawn(37, 36)[0] - 1 if drawn(37, 36)[0] else -1] = float("nan")
    with pytest.raises(InputError, match="'stem' of a holds NaN or infinite"):
        similarities(few(RSA, 4), A, B, list(broken.split(9)), ["stem"], view="pooled")


def test_an_index_of_all_rows_that_outgrow_memory_asks_for_more(limited):
    limited(20_000)
    batches = (x for x in IMAGES.repeat(40, 1, 1, 1).split(9))
    with pytest.raises(InputError, match="small_shape need all rows, which take more than"):
        similarities(few(Shape, None), A, A, batches, ["stem"], view="pooled")


@pytest.mark.parametrize("most", [1, 7, 40, 100, None])
def test_a_draw_is_that_of_all_priorities_however_the_rows_come(most):
    stream = torch.arange(100)[:, None]
    for sizes in ([100], [1] * 100, [3, 50, 0, 40, 7]):
        draw, sample = Draw(most), Sample()
        for part in stream.split(sizes):
            draw = draw.after(len(part))
            sample.add(part[draw.taken], draw)
        assert sample.rows(draw)[:, 0].tolist() == drawn(100, most or 100).tolist()


def test_a_draw_is_uniform():
    """Of 4,000 draws of 3 rows of 12, each row is in a quarter: 1,000 with a standard deviation of 27."""
    counts = np.zeros(12)
    for start in range(4000):
        counts[np.argsort(priorities(12 * start, 12))[:3]] += 1
    assert np.abs(counts - 1000).max() < 5 * 27.4
    assert len(set(priorities(0, 10**5).tolist())) == 10**5


def test_every_pair_of_layers_in_the_order_of_the_table():
    found = similarities([RSA(), Shape()], A, B, BATCHES, LAYERS, view="pooled")
    wanted = list(itertools.product(["small_rsa", "small_shape"], LAYERS, LAYERS))
    assert list(found[["index", "layer_a", "layer_b"]].itertuples(index=False, name=None)) == wanted
