"""LayerMoments: the moments of every pair, whatever is taken beside it, and in whatever order they are asked for."""

import itertools

import numpy as np
import pytest
import torch
from paired_rows import correlated

from simbench.moments import LayerMoments, Moments, Scatter, layers
from simbench.moments.comoments import Comoments


def pair(n=60, p=5, q=7, seed=0):
    a, b = correlated(n, p, q, seed)
    return torch.from_numpy(a + np.arange(p)), torch.from_numpy(b - 2)


def parts(m):
    return {"mean_a": m.mean_a, "mean_b": m.mean_b, "aa": m.aa, "bb": m.bb, "ab": m.ab}


def assert_same(m, expected, relative=1e-10):
    assert m.n == expected.n
    for name, part in parts(expected).items():
        error = float((parts(m)[name] - part).norm())
        assert error <= relative * float(part.norm()), f"{name} differs by {error}"


def test_pairs_of_several_are_the_moments_of_the_pair():
    x, y = pair()
    z = pair(seed=3)[0][:, :2]
    moments = LayerMoments.of([[x[:25], y[:25], z[:25]], [x[25:], y[25:], z[25:]]])
    blocks = [x, y, z]
    for i, left in enumerate(blocks):
        for j, right in enumerate(blocks):
            assert_same(moments.pair(i, j), Moments.of(left, right))


@pytest.mark.parametrize("p, q", [(1, 3), (5, 7), (16, 16), (16, 24), (70, 64), (140, 96)])
def test_moments_of_a_pair_are_the_same_bits_whatever_is_taken_beside_them(p, q):
    """Alone, among others of any width before, between and behind, cut into other batches, and the other way round."""
    rng = np.random.default_rng(p)
    x, y, *others = (torch.from_numpy(rng.normal(size=(2500, width)) + 3).float() for width in (p, q, 9, 33, 150))

    def taken(*representations, size=2500):
        return LayerMoments.of(zip(*(each.split(size) for each in representations), strict=True))

    alone = taken(x, y).pair(0, 1)
    for moments, i, j in (
        (taken(others[0], x, others[1], y, others[2]), 1, 3),
        (taken(x, *others, y), 0, 4),
        (taken(x, y, size=128), 0, 1),
        (taken(*others, x, y, size=999), 3, 4),
    ):
        for found, expected in ((moments.pair(i, j), alone), (moments.pair(j, i), alone.swap())):
            for name, part in parts(found).items():
                assert torch.equal(part, parts(expected)[name]), name
            assert torch.equal(found.a.whitened.whitening, expected.a.whitened.whitening)
    assert_same(alone, Moments.of(x, y), 1e-12)


def test_some_pairs_are_the_same_bits_as_among_all_and_others_are_refused():
    x, y = pair(n=1500)
    every = LayerMoments.of([[x, y, x + y[:, :1]]])
    some = LayerMoments.of([[x, y, x + y[:, :1]]], [(1, 2)])
    assert some.holds(1, 2) and some.holds(2, 1) and some.holds(0, 0) and not some.holds(0, 1)
    for i, j in ((1, 2), (2, 1), (0, 0)):
        for name, part in parts(some.pair(i, j)).items():
            assert torch.equal(part, parts(every.pair(i, j))[name]), name
    with pytest.raises(KeyError):
        some.pair(0, 1)


@pytest.mark.parametrize("spoilt", [float("nan"), float("inf")])
def test_a_representation_with_nan_spoils_its_own_pairs_alone(spoilt):
    x, z = pair(n=3000, p=70, q=80)
    y = x.clone()
    y[17, 3] = spoilt
    moments, clean = (
        LayerMoments.of([[part[:1000] for part in parts], [part[1000:] for part in parts]])
        for parts in ([x, y, z], [x, x, z])
    )
    assert_same(moments.pair(0, 2), clean.pair(0, 2), 1e-12)
    assert not moments.scatter(1).matrix.isfinite().all() and not moments.pair(0, 1).ab.isfinite().all()


def test_pairs_of_several_share_the_bases_of_a_representation():
    x, y = pair()
    moments = LayerMoments.of([[x, y, x + 1]])
    assert moments.pair(0, 1).a.whitened is moments.pair(2, 0).b.whitened


@pytest.mark.parametrize("limit", [0, 1625], ids=["products", "rows"])
@pytest.mark.parametrize("sizes", [[700, 1, 900, 24], [1625]])
def test_blocks_are_the_moments_of_every_pair_and_constants_are_exactly_zero(sizes, limit):
    generator = torch.Generator().manual_seed(0)
    rows = [torch.randn(sum(sizes), p, generator=generator, dtype=torch.float64) + 1e3 for p in (3, 150, 2, 7)]
    rows[0][:, 1], rows[1][:, 4] = 0.1, 1 / 3
    blocks = LayerMoments([*itertools.product((0, 1), (2, 3)), (1, 1)], limit)
    for parts in zip(*(x.split(sizes) for x in rows), strict=True):
        blocks.add(dict(enumerate(parts)))
    blocks.close()
    for i, j in blocks.pairs:
        expected, found = Moments.of(rows[i], rows[j], keep_rows=True), blocks.pair(i, j)
        assert found.n == sum(sizes)
        for name in ("aa", "bb", "ab", "mean_a", "mean_b"):
            difference = getattr(found, name) - getattr(expected, name)
            assert float(difference.norm()) <= 1e-11 * float(getattr(expected, name).norm()), name
        assert found.aa[:, 1 if i == 0 else 4].eq(0).all()


@pytest.mark.parametrize("limit", [0, 2500], ids=["products", "rows"])
def test_moments_of_a_pair_are_those_of_its_rows_to_the_last_bit_however_they_come_about(limit):
    a, b = (x.float() for x in pair(2500, 20, 130))
    layers = LayerMoments([("a", "b")], limit)
    for x, y in zip(a.split(300), b.split(300), strict=True):
        layers.add({"a": x, "b": y})
    layers.close()
    expected = Moments.of(a, b)
    for m, other in ((layers.pair("a", "b"), expected), (layers.pair("b", "a"), expected.swap())):
        assert all(map(torch.equal, parts(m).values(), parts(other).values()))
    assert torch.equal(layers.scatter("a").matrix, Scatter.of(a).matrix)


def bits(value):
    if isinstance(value, torch.Tensor):
        return value.numpy().tobytes()
    if isinstance(value, tuple):
        return tuple(map(bits, value))
    if isinstance(value, Scatter):
        return bits((value.mean, value.matrix, value.whitened.values, value.total))
    if isinstance(value, Moments):
        return bits((*parts(value).values(), *value.canonical, value.correlations))
    return bits((value.values, value.whitening, value.loadings)) if hasattr(value, "whitening") else value


def assert_no_order(make, quantities):
    """Each quantity has the same bits, asked for first, and after the others in either order."""
    alone = {name: bits(ask(make())) for name, ask in quantities.items()}
    for names in (list(quantities), list(quantities)[::-1]):
        one = make()
        assert {name: bits(quantities[name](one)) for name in names} == alone


def attributes(*names):
    return {name: lambda x, name=name: getattr(x, name) for name in names}


SHAPES = pytest.mark.parametrize("n, p, q", [(60, 5, 7), (20, 30, 25), (1500, 16, 24)], ids=["few", "wide", "many"])
KEPT = pytest.mark.parametrize("keep_rows", [False, True], ids=["products", "rows"])


@SHAPES
@KEPT
def test_no_value_of_a_scatter_depends_on_what_was_asked_before(n, p, q, keep_rows):
    x = pair(n, p, q)[0]
    names = ("matrix", "sizes", "total", "alive", "constant", "rounding", "whitened", "principal")
    assert_no_order(
        lambda: Scatter.of(x, keep_rows), attributes(*names) | {"uncentred": lambda s: s.uncentred().matrix}
    )


@SHAPES
@KEPT
def test_no_value_of_moments_depends_on_what_was_asked_before(n, p, q, keep_rows):
    a, b = pair(n, p, q)
    quantities = attributes("aa", "bb", "ab", "canonical", "correlations") | {
        "half": lambda m: m.cross(m.a.whitened, None),
        "swapped": lambda m: m.swap().correlations,
        "principal": lambda m: m.correlations_within(m.a.principal, m.b.principal),
        "totals": lambda m: (m.a.total, m.b.total),
    }
    assert_no_order(lambda: Moments.of(a, b, keep_rows), quantities)


@SHAPES
@pytest.mark.parametrize("limit", [0, 1500], ids=["products", "rows"])
def test_no_value_of_layer_moments_depends_on_what_was_asked_before(n, p, q, limit):
    a, b = pair(n, p, q)

    def make():
        layers = LayerMoments([(0, 1), (0, 2), (1, 1)], limit)
        layers.add({0: a, 1: b, 2: a + 1})
        layers.close()
        return layers

    keys = [(0, 1), (1, 0), (0, 2), (1, 1), (0, 1)]
    quantities = {f"{i} with {j}, {at}": lambda m, i=i, j=j: m.pair(i, j) for at, (i, j) in enumerate(keys)}
    for key in range(3):
        quantities |= {
            f"scatter {key}": lambda m, key=key: m.scatter(key),
            f"constant {key}": lambda m, key=key: m.constant(key),
            f"rounding {key}": lambda m, key=key: m.rounding(key),
        }
    assert_no_order(make, quantities)


def test_a_pair_that_was_not_asked_for_has_no_moments():
    a, b = pair()
    layers = LayerMoments([(0, 1), (2, 2)])
    layers.add({0: a, 1: b, 2: a})
    layers.close()
    with pytest.raises(KeyError):
        layers.pair(0, 2)


def test_a_known_scatter_is_taken_as_it_is_and_only_the_rest_is_summed(monkeypatch):
    x, y = torch.randn(1500, 3), torch.randn(1500, 4)
    whole, summed = LayerMoments.of([[x, y]]), []

    class Spied(Comoments):
        def __init__(self, widths, pairs, device):
            summed.append(list(pairs))
            super().__init__(widths, summed[-1], device)

    monkeypatch.setattr(layers, "Comoments", Spied)
    known = whole.scatter(0)
    some = LayerMoments.of([[x[:700], y[:700]], [x[700:], y[700:]]], known={0: known})
    assert summed == [[(1, 1), (0, 1)]]
    assert some.pair(0, 1).a is known
    assert torch.equal(some.pair(0, 1).ab, whole.pair(0, 1).ab)
    assert torch.equal(some.pair(0, 1).bb, whole.pair(0, 1).bb)
