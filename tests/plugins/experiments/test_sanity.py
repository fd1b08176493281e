"""Sanity tests of indices: identification of layers, sensitivity and specificity, and energy outside a subspace."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import scipy.stats
import torch
from experiment_results import assert_nothing_is_shown, assert_refused, assert_same_from_file, table_of
from simbench_plugins.experiments import perturbations
from simbench_plugins.experiments.energy import _share
from simbench_plugins.experiments.identification import identified
from small_cases import activations, components, get, stitcher
from small_networks import case, installed
from small_runs import go

from simbench import Claims, Index
from simbench.cutting import cut
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import Measured, measure
from simbench.networks import weights
from simbench.runs.request import Request

SANITY = installed().get("experiments", "sanity")


class Constant(Index):
    """Sees nothing."""

    name, source = "constant", "made by the tests"

    @property
    def claims(self):
        return Claims()

    def from_moments(self, m):
        return torch.tensor(0.5, dtype=torch.float64)


class Distance(Index):
    """The size of the difference of two sets of rows of one width; of others, 100."""

    name, source, max_rows = "distance", "made by the tests", None

    @property
    def claims(self):
        return Claims(direction=-1, range=(0.0, float("inf")))

    def from_samples(self, a, b):
        return (a - b).norm() if a.shape == b.shape else torch.tensor(100.0, dtype=torch.float64)


@pytest.fixture(scope="module")
def context(small) -> Workbench:
    indices = (Constant(), Distance(), get("cka"), get("depth"))
    chosen = {"indices": indices, "views": ("pooled",), "stitchers": (stitcher("identity"),)}
    return Workbench(replace(small, networks=small.networks[:2], **chosen))


@pytest.fixture(scope="module")
def measured(context) -> dict[tuple[str, str, str], Measured]:
    """(kind, method, network a) -> what was measured."""
    found = [measure(case, context) for case in SANITY.plan(context.selection)]
    assert [one.error for one in found] == [""] * len(found)
    return {(one.case.kind, one.case.method.name, one.case.a.name): one for one in found if one.case.layer_a != "conv2"}


def values(one: Measured) -> dict[str, float]:
    return {row.quantity: row.value for row in one.rows}


@pytest.mark.parametrize(
    ("values", "share"),
    [
        (np.eye(4), 1.0),
        (np.ones((4, 4)), 1 / 4),
        (np.eye(4)[::-1], 0.0),
        (-np.eye(3), 0.0),
        (np.array([[1, 1, 0], [0, 1, 0], [1, 0, 0.0]]), (1 / 2 + 1 + 0) / 3),
        (np.array([[1, np.nan, 0], [0, np.nan, 0], [1, 0, 2.0]]), 1.0),
        (np.array([[1 + 1e-12, 1], [1, 1 + 1e-12]]), 1 / 2),
        (np.array([[5, np.nan], [np.nan, 7.0]]), None),
        (np.full((2, 2), np.nan), None),
    ],
)
def test_known_shares_of_identified_layers(values, share):
    assert identified(values) == (share if share is None else pytest.approx(share))


def test_a_constant_index_identifies_by_chance_and_depth_every_layer(measured):
    found = {name: values(measured["identification", name, "net-0"]) for name in ("constant", "depth")}
    assert found == {"constant": {"layer_identification": 0.5}, "depth": {"layer_identification": 1.0}}


def test_a_distance_identifies_the_nearest_layer(small, measured):
    """In view pooled, by numpy: layers of 6 and of 8 channels are 100 apart."""
    own = [np.linalg.norm(pooled(small, 0, name) - pooled(small, 1, name)) for name in ("bn1", "conv2")]
    expected = np.mean([size < 100 for size in own])
    assert values(measured["identification", "distance", "net-0"])["layer_identification"] == expected


def pooled(small, at: int, layer: str) -> np.ndarray:
    return activations(small, at, layer).double().mean((2, 3)).numpy()


def test_values_are_those_that_the_bench_measures(context, measured):
    one = measured["identification", "cka", "net-0"]
    for (i, layer_a), (j, layer_b) in product(enumerate(("bn1", "conv2")), repeat=2):
        row = context.similarity(get("cka"), replace(one.case, layer_a=layer_a, layer_b=layer_b))
        assert one.arrays["similarity"][i, j] == row.value


def test_in_view_spatial_a_layer_is_sought_among_those_of_its_size(small, context):
    """bn1 is 8 x 8, conv2 3 x 3: none has another; relu1 has bn1."""
    spatial = next(
        one for one in SANITY.plan(replace(context.selection, views=("spatial",))) if one.method.name == "cka"
    )
    (row,) = measure(spatial, context).rows
    assert row.status == "degenerate" and "no layer can be told from another in view spatial" in row.note


@pytest.fixture(scope="module")
def changes(context) -> list[perturbations.Change]:
    return list(perturbations.changes(case(context.selection, get("cka"), b=0), context))


def test_components_are_removed_from_the_first_or_from_the_last(small, changes):
    mean, directions = components(small)
    removed = [change for change in changes if change.kind == "components"]
    assert len(removed) == 6  # 1, 2 and 4 of 6 are kept, or removed
    for at, change in enumerate(removed):
        count, x = 2 ** (at // 2), np.random.default_rng(at).normal(size=(5, 6))
        kept = directions[:, :count] if at % 2 == 0 else directions[:, count:]
        expected = mean + (x - mean) @ kept @ kept.T
        moved = change.affine(torch.tensor(x)).numpy()
        assert moved == pytest.approx(expected, abs=1e-4)  # float32 activations, summed in another order


def test_accuracy_is_that_of_the_network_that_goes_on_from_what_is_left(small, changes):
    labels = torch.tensor(small.setting.dataset.split("test").labels)
    end = cut(weights.load(small.networks[0], small.setting.dataset), "bn1")[1]
    x = activations(small, 0, "bn1")

    def accuracy(front: torch.Tensor) -> float:
        with torch.no_grad():
            return (end(front).argmax(1) == labels).float().mean().item()

    for change in changes:
        front = (
            change.affine.to(torch.float32)(x) if change.noise is None else x + change.noise.float()[:, :, None, None]
        )
        assert change.accuracy == pytest.approx(accuracy(front) / accuracy(x), abs=1.5 / 60 / accuracy(x))


def test_noise_is_of_the_strength_that_it_is_named_after_and_lies_in_its_half(small, changes):
    mean, directions = components(small)
    rows = activations(small, 0, "bn1", "train").double().permute(0, 2, 3, 1).flatten(0, 2).numpy()
    scale = np.sqrt(((rows - mean) ** 2).sum(1).mean())
    noises = [change.noise.numpy() for change in changes if change.kind == "noise"]
    assert len(noises) == 8
    for noise, strength in zip(noises, (*perturbations.NOISE, *perturbations.NOISE), strict=True):
        size = np.sqrt((noise**2).sum(1).mean())
        assert size == pytest.approx(strength * scale, rel=0.3)  # 60 inputs of 3 numbers: standard error 0.053
    assert np.abs(noises[0] @ directions[:, 3:]).max() < 1e-3 * scale
    assert np.abs(noises[4] @ directions[:, :3]).max() < 1e-3 * scale


@pytest.mark.parametrize("seed", range(3))
def test_spearman_is_that_of_scipy(seed):
    points = np.random.default_rng(seed).integers(0, 5, (9, 2)).astype(float)
    expected = scipy.stats.spearmanr(points[:, 0], points[:, 1]).statistic
    assert perturbations.spearman([tuple(point) for point in points]) == pytest.approx(expected)


def test_spearman_of_what_is_constant():
    assert perturbations.spearman([(1.0, 0.1), (1.0 + 1e-13, 0.2), (1.0, 0.3)]) == 0
    assert perturbations.spearman([(1.0, 0.5), (2.0, 0.5), (3.0, 0.5)]) is None
    assert perturbations.spearman([(1.0, 0.5), (2.0, 0.6)]) is None


def test_an_index_that_sees_nothing_is_neither_sensitive_nor_specific(measured):
    assert values(measured["perturbation", "constant", "net-0"]) == {
        "component_sensitivity": 0.0,
        "noise_sensitivity": 0.0,
        "specificity": 0.5,
    }


def test_sensitivity_and_specificity_of_a_distance_by_hand(small, context, measured):
    """The distance of pooled rows, whose sign is turned, against the accuracy that is left."""
    found: dict[str, list[float]] = {}
    for layer in ("bn1", "conv2"):
        own = pooled(small, 0, layer)
        moved = []
        for change in perturbations.changes(case(context.selection, get("cka"), b=0, layer=layer), context):
            x = own @ change.affine.weight.numpy() + change.affine.bias.numpy()
            x = x if change.noise is None else x + change.noise.numpy()
            moved.append((change.kind, -np.linalg.norm(x - own), change.accuracy))
        for quantity, kind in (("component_sensitivity", "components"), ("noise_sensitivity", "noise")):
            sides = zip(*((value, accuracy) for each, value, accuracy in moved if each == kind), strict=True)
            found.setdefault(quantity, []).append(scipy.stats.spearmanr(*sides).statistic)
        good = [value for _, value, accuracy in moved if accuracy >= 0.99]
        bad = [value for _, value, accuracy in moved if accuracy <= 0.9]
        found.setdefault("specificity", []).append(np.mean([x > y for x in good for y in bad]))
    expected = {quantity: np.mean(each) for quantity, each in found.items()}
    assert values(measured["perturbation", "distance", "net-0"]) == pytest.approx(expected, abs=1e-6)


def test_plan_is_pairs_that_identify_networks_that_change_and_stitches(context):
    kinds = Counter((one.kind, one.method.name) for one in SANITY.plan(context.selection))
    rows = {("identification", name): 2 for name in ("constant", "distance", "cka", "depth")}
    changed = {("perturbation", name): 1 for name in ("constant", "distance", "cka")}
    assert kinds == {**rows, **changed, ("energy", "identity"): 4}
    other = installed().get("experiments", "sanity[pairs=1,networks=2]")
    kinds = Counter(one.kind for one in other.plan(context.selection))
    assert kinds == {"identification": 4, "perturbation": 6, "energy": 2}


def test_networks_of_different_models_are_refused(small):
    apart = replace(small, networks=small.networks[1:])
    assert_refused(lambda: list(SANITY.plan(apart)), "no two of one model; ask for more with --seeds")


def test_summary_and_figure(measured, tmp_path):
    rows = table_of(measured.values())
    table = SANITY.summary(rows).set_index("index or stitcher")
    assert table.loc["depth", "layer_identification"] == 1 and table.loc["constant", "specificity"] == 0.5
    assert table.loc["identity", "energy_outside"] >= 0
    figure = SANITY.figure(rows, [])
    assert [axes.get_title().split(",")[0] for axes in figure.axes] == [
        "layers found",
        "components",
        "noise",
        "specificity",
        "stitched activations",
    ]
    assert_same_from_file(SANITY, rows, tmp_path, [], 5)
    assert_nothing_is_shown(SANITY, rows.assign(status="failed"))


@pytest.mark.long
def test_the_board_of_a_run_shows_the_tests_and_marks_controls(small_registry, cache, tmp_path):
    outcome, rows, figures = go(
        Request(
            experiments=("matching", "sanity[pairs=1,networks=1]"),
            models=("net",),
            datasets=("blobs",),
            seeds="3",
            indices=("cka", "depth"),
            stitchers=("least_squares", "procrustes"),
            view=("pooled",),
            results=tmp_path,
        ),
        small_registry,
    )
    assert outcome.ok and set(rows["status"]) == {"ok"} and len(figures) == 2
    board = outcome.leaderboard.set_index("index")
    assert (board.loc["depth", "layer_identification"] == 1).all() and board.loc["depth", "rank"].isna().all()
    assert board.loc["cka", "component_sensitivity"].notna().all() and (board.loc["cka", "rank"] == 1).all()
    assert (board["identification_by"] == "sanity[pairs=1]").all() and (board["components_layer"] == "").all()
    assert "depth (control)" in str(outcome) and "by sanity[pairs=1], mean over 1 network" in str(outcome)


def test_energy_counts_how_far_the_mean_is_off():
    """Two dimensions, of which the first is inside: a scatter of 3 and 1, and a mean that is 2 outside, of 4 rows."""
    scatter, inside = torch.diag(torch.tensor([3.0, 1.0])), torch.tensor([[1.0], [0.0]])
    assert _share(scatter, 4, torch.zeros(2), inside) == pytest.approx(1 / 4)
    assert _share(scatter, 4, torch.tensor([0.0, 2.0]), inside) == pytest.approx((1 + 4 * 4) / (3 + 1 + 4 * 4))
    assert _share(scatter, 4, torch.tensor([2.0, 0.0]), inside) == pytest.approx(1 / (3 + 1 + 4 * 4))
