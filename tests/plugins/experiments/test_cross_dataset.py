"""Fronts trained on another data set are stitched to ends of this one, beside fronts of its own."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simbench_plugins.experiments.cross_dataset import CrossDataset
from small_across import AcrossPlugins
from small_plugins import SmallPlugins
from small_runs import go

import simbench
from simbench import InputError
from simbench.contracts import Kept
from simbench.measuring.bench import Workbench
from simbench.runs.plan import plan
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

pytestmark = pytest.mark.usefixtures("undrawn", "unranked")
CROSS = CrossDataset()
REQUEST = Request(
    experiments=("cross_dataset",),
    models=("net",),
    datasets=("blobs,marks",),
    seeds="2",
    layers=("bn1,conv2",),
    stitchers=("identity,least_squares,task_loss",),
    indices=("cka",),
)


@pytest.fixture(scope="module")
def everywhere() -> simbench.Registry:
    return simbench.load([SmallPlugins(), AcrossPlugins()])


def parts(registry, **options):
    return plan(resolve(replace(REQUEST, **options), registry))


def test_ends_are_of_the_measured_data_set_and_fronts_of_any(everywhere, cache):
    for part, abroad in zip(parts(everywhere), ("marks", "blobs"), strict=True):
        pairs = Counter((case.kind, case.a.name, case.b.name) for case in part.cases if case.kind != "network")
        each = 2 * 3  # layers, stitchers
        expected = {("foreign", f"net-{a}@{abroad}", f"net-{b}"): each for a in (0, 1) for b in (0, 1)}
        assert pairs == expected | {("home", "net-0", "net-1"): each, ("home", "net-1", "net-0"): each}
        assert [case.a.name for case in part.cases if case.kind == "network"] == ["net-0", "net-1"]
        assert all((case.layer_a, case.view) == (case.layer_b, "spatial") for case in part.cases if case.layer_a)


def test_one_seed_leaves_out_the_reference(everywhere, cache):
    (part, _) = parts(everywhere, seeds="1")
    assert {case.kind for case in part.cases} == {"network", "foreign"}


def test_published_weights_are_fronts_and_never_ends(everywhere, cache):
    (part,) = parts(everywhere, models=("famous,famous[weights=elsewhere]",), datasets=("blobs",))
    foreign = {(case.a.name, case.b.name) for case in part.cases if case.kind == "foreign"}
    assert foreign == {("famous[weights=elsewhere]-published@elsewhere", f"famous-{seed}") for seed in (0, 1)}


def test_models_meet_at_the_layers_they_share(everywhere, cache):
    (part, _) = parts(everywhere, models=("net,famous,tiny10",), layers=("bn1,conv2,bn3",), seeds="1")
    meeting = {(case.a.model.name, case.b.model.name, case.layer_a) for case in part.cases if case.layer_a}
    small = {(a, b, layer) for a in ("net", "famous") for b in ("net", "famous") for layer in ("bn1", "conv2")}
    assert {pair for pair in meeting if "tiny10" not in pair[:2]} == small
    assert ("tiny10", "net", "bn1") in meeting and ("tiny10", "net", "bn3") not in meeting


@pytest.mark.parametrize(
    "options, message",
    [
        (
            {"datasets": ("blobs",)},
            "no network is trained on another data set; give two or more with --datasets, such as "
            r"'digits,digits\[task=parity\]'",
        ),
        (
            {"datasets": ("blobs,coloured",)},
            "coloured has 3 channels, blobs 1; give data sets of one number of channels",
        ),
        (
            {"datasets": ("blobs",), "models": ("famous[weights=elsewhere]",)},
            "into those of blobs, and no network is trained on blobs itself; give a model without published weights",
        ),
    ],
)
def test_what_cannot_be_stitched_is_refused_in_one_line(everywhere, cache, options, message):
    with pytest.raises(InputError, match=message) as refused:
        parts(everywhere, **options)
    assert "\n" not in str(refused.value)


def test_checkpoints_are_refused_for_they_do_not_say_what_they_were_trained_on(everywhere, cache, tmp_path):
    with pytest.raises(InputError, match="--weights is given for cross_dataset, which trains networks on every"):
        parts(everywhere, weights=(str(tmp_path / "a.pt"),), seeds=None)


@pytest.fixture(scope="module")
def measured(everywhere, tmp_path_factory):
    """(parts, measurements, figures) of REQUEST, run once."""
    folder = tmp_path_factory.mktemp("cross")
    request = replace(REQUEST, results=folder / "results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        _, frame, drawn = go(request, everywhere)
        yield plan(resolve(request, everywhere)), frame, drawn


def relative(frame: pd.DataFrame, **wanted) -> pd.DataFrame:
    kept = frame[frame["quantity"] == "relative_accuracy"]
    for name, value in wanted.items():
        kept = kept[kept[name] == value]
    return kept


def test_every_case_is_measured_and_several_labels_are_told_singly(measured):
    _, frame, _ = measured
    assert (frame["status"] == "ok").all()
    marks = frame[(frame["dataset"] == "marks") & (frame["kind"] != "network")]
    shares = [marks[marks["quantity"] == f"relative_accuracy/{name}"]["value"].to_numpy() for name in ("top", "left")]
    np.testing.assert_allclose(np.mean(shares, 0), relative(marks)["value"], rtol=1e-12)
    assert len(shares[0]) == 6 * 2 * 3
    assert not frame[frame["dataset"] == "blobs"]["quantity"].str.contains("/").any()


def test_a_front_of_the_own_data_set_is_stitched_as_matching_does(measured, everywhere):
    (part, _), frame, _ = measured
    case = next(case for case in part.cases if case.kind == "home" and case.method.name == "least_squares")
    rows = everywhere.get("experiments", "matching").run(replace(case, kind="stitcher"), Workbench(part.selection)).rows
    mine = frame[
        (frame["dataset"] == "blobs")
        & (frame["kind"] == "home")
        & (frame["seed_a"] == case.a.seed)
        & (frame["method"] == "least_squares")
        & (frame["layer_a"] == case.layer_a)
    ]
    found = dict(zip(mine["quantity"], mine["value"], strict=True))
    assert found == {row.quantity: pytest.approx(row.value) for row in rows}


def test_summary_tells_front_and_end_apart(measured):
    _, frame, _ = measured
    table = CROSS.summary(frame)
    assert list(table.columns) == [
        "front trained on",
        "end trained on",
        "relative accuracy at",
        "identity",
        "least_squares",
        "task_loss",
    ]
    assert set(map(tuple, table[["front trained on", "end trained on", "relative accuracy at"]].values)) == {
        (front, end, layer) for front in ("blobs", "marks") for end in ("blobs", "marks") for layer in ("bn1", "conv2")
    }
    cell = (
        table[(table["front trained on"] == "marks") & (table["end trained on"] == "blobs")]
        .set_index("relative accuracy at")
        .loc["conv2", "task_loss"]
    )
    values = relative(frame, dataset="blobs", kind="foreign", layer_a="conv2", method="task_loss")["value"]
    assert len(values) == 4 and cell == pytest.approx(values.mean())


def test_figure_has_a_panel_for_each_direction_with_foreign_and_own_fronts(measured):
    _, frame, drawn = measured
    figure = CROSS.figure(frame, [Kept({"model_a": "net"}, {"layers": np.array(["conv2", "bn1"])})])
    assert [path.name for path in drawn] == ["cross_dataset.png"]
    titles = [panel.get_title().split("\n") for panel in figure.axes]
    assert sorted(titles) == [
        ["blobs -> marks", "net: 4 networks, 4 pairs, 60 images"],
        ["marks -> blobs", "net: 4 networks, 4 pairs, 60 images"],
    ]
    for panel, (direction, _) in zip(figure.axes, titles, strict=True):
        end = direction.split(" -> ")[1]
        found = {line.get_label(): line for line in panel.lines}
        assert len(found) == 5 and [tick.get_text() for tick in panel.get_xticklabels()] == ["conv2", "bn1"]
        for label, kind, style in (
            ("task_loss", "foreign", "-"),
            ("task_loss, front of the end's own data", "home", ":"),
        ):
            means = [
                relative(frame, dataset=end, kind=kind, layer_a=layer, method="task_loss")["value"].mean()
                for layer in ("conv2", "bn1")
            ]
            assert found[label].get_ydata() == pytest.approx(means) and found[label].get_linestyle() == style


def test_figure_keeps_samples_apart_and_needs_no_reference(measured):
    _, frame, _ = measured
    fewer = frame[frame["kind"] == "foreign"].assign(samples=20.0, value=0.25)
    figure = CROSS.figure(pd.concat([frame, fewer]), [])
    assert len(figure.axes) == 4
    lines = {panel.get_title().split(", ")[-1]: len(panel.lines) for panel in figure.axes}
    assert lines == {"60 images": 5, "20 images": 3}
    assert CROSS.figure(frame[frame["kind"] != "foreign"], []) is None and CROSS.summary(frame[:0]).empty


@pytest.mark.parametrize(
    "preset, models, datasets",
    [
        ("default", ["tiny10"], {"digits", "digits[task=parity]", "digits[task=attributes]"}),
        ("paper", ["inception_v1", "inception_v1[weights=imagenet]"], {"celeba[size=224,normalisation=inception]"}),
    ],
)
def test_presets_name_networks_of_two_data_sets_or_more(registry, preset, models, datasets):
    (scope,) = resolve(Request(experiments=("cross_dataset",), preset=preset), registry).scopes
    assert [model.spec for model in scope.models] == models and {dataset.spec for dataset in scope.datasets} == datasets
    assert len(datasets) + sum(model.published() is not None for model in scope.models) >= 2
    assert len({dataset.channels for dataset in scope.datasets}) == 1
