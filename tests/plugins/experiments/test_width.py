"""Networks of one width are stitched with each other, and widths of one model are compared."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import pytest
from simbench_plugins.experiments.width import Width, family_of, width_of
from small_plugins import Net, SmallPlugins
from small_runs import go

import simbench
from simbench import Experiment, InputError, Model
from simbench.contracts import Kept
from simbench.measuring.bench import Workbench
from simbench.runs.plan import plan
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

pytestmark = pytest.mark.usefixtures("undrawn", "unranked")
WIDTH = Width()
REQUEST = Request(
    experiments=("width",),
    models=("net[width=4],net,net[width=8]",),
    datasets=("blobs",),
    seeds="3",
    layers=("bn1,conv2",),
    stitchers=("least_squares,task_loss",),
    indices=("cka",),
)


@dataclass(frozen=True)
class Named(Net):
    """`net` with a second parameter."""

    tail: str = "short"

    name, source = "named", "made by the tests"


class Plugins(SmallPlugins):
    @simbench.hookimpl
    def simbench_models(self):
        return [Net(), Named()]


@pytest.fixture(scope="module")
def wide() -> simbench.Registry:
    return simbench.load([Plugins()])


def cases(registry, **options):
    return [case for part in plan(resolve(replace(REQUEST, **options), registry)) for case in part.cases]


def test_every_ordered_pair_of_one_width_is_stitched_at_every_layer(wide, cache):
    stitches = [case for case in cases(wide) if case.kind == "stitch"]
    assert len(stitches) == len({case.key + case.name for case in stitches})
    assert len(stitches) == 3 * 6 * 2 * 2  # widths, pairs, layers, stitchers
    assert all(case.a.model == case.b.model and case.a != case.b for case in stitches)
    assert all((case.layer_a, case.view, case.split) == (case.layer_b, "spatial", "test") for case in stitches)
    alone = [case.a.name for case in cases(wide) if case.kind == "network"]
    models = ("net", "net[width=4]", "net[width=8]")
    assert sorted(alone) == sorted(f"{model}-{seed}" for model in models for seed in range(3))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"models": ("tiny10",)}, "tiny10 has no width; leave it out"),
        ({"models": ("net,net[width=4],tiny10",)}, "tiny10 has no width; leave it out"),
        ({"models": ("net[width=4]",)}, "of net only width 4 is given; name two or more"),
        ({"models": ("net[width=4],named[width=6]",)}, "of net only width 4 is given"),
        ({"models": ("net[width=4],net,named[tail=long]",)}, r"of named\[tail=long\] only width 6 is given"),
        ({"seeds": "1"}, r"of net\[width=4\] there is one network; give two or more --seeds"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(wide, cache, options, message):
    with pytest.raises(InputError, match=message) as refused:
        cases(wide, layers=(), **options)
    assert "\n" not in str(refused.value)


def test_a_width_is_a_number_and_a_family_has_none():
    class Flag(Model):
        width = True

    assert width_of(Net(width=4)) == 4.0 and width_of(Flag()) is None and width_of(Model()) is None
    specs = ("net", "net[width=4]", "named[width=4,tail=long]", "named[tail=a[width=2]]")
    assert [family_of(spec) for spec in specs] == ["net", "net", "named[tail=long]", "named[tail=a[width=2]]"]


@pytest.fixture(scope="module")
def measured(wide, tmp_path_factory):
    """(folder, measurements, figures) of two widths, run once."""
    folder = tmp_path_factory.mktemp("width")
    request = replace(
        REQUEST,
        models=("net[width=3],net[width=8]",),
        seeds="2",
        results=folder / "results",
        stitchers=("identity,task_loss[epochs=2]",),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        _, frame, drawn = go(request, wide)
        (part,) = plan(resolve(request, wide))
        yield part, frame, drawn


def test_a_run_measures_stitches_and_the_networks_themselves(measured):
    part, frame, _ = measured
    assert (frame["status"] == "ok").all() and set(frame["kind"]) == {"network", "stitch"}
    alone = frame[frame["kind"] == "network"].set_index(["model_a", "seed_a", "quantity"])["value"]
    context = Workbench(part.selection)
    for network in part.selection.networks:
        assert alone[network.model.spec, network.seed, "width"] == network.model.width
        assert alone[network.model.spec, network.seed, "accuracy"] == context.accuracy(network)


def test_stitches_are_those_of_matching(measured, wide):
    """The same pair, layer and stitcher gives the same numbers in both experiments."""
    part, frame, _ = measured
    case = next(case for case in part.cases if case.kind == "stitch" and case.method.name == "task_loss")
    rows = wide.get("experiments", "matching").run(replace(case, kind="stitcher"), Workbench(part.selection)).rows
    mine = frame[
        (frame["seed_a"] == case.a.seed)
        & (frame["seed_b"] == case.b.seed)
        & (frame["method"] == "task_loss")
        & (frame["model_a"] == case.a.model.spec)
        & (frame["layer_a"] == case.layer_a)
    ]
    found = dict(zip(mine["quantity"], mine["value"], strict=True))
    # What rests on a trained stitch is published to four digits.
    assert found == {row.quantity: pytest.approx(row.value, rel=5e-4) for row in rows}


def test_summary_is_the_mean_over_pairs_by_width_and_layer(measured):
    _, frame, _ = measured
    table = WIDTH.summary(frame)
    assert list(table.columns) == [
        "dataset",
        "stitcher",
        "relative accuracy at width",
        "bn1",
        "conv2",
        "accuracy, unstitched",
    ]
    assert table[["stitcher", "relative accuracy at width"]].values.tolist() == [
        ["identity", 3.0],
        ["identity", 8.0],
        ["task_loss", 3.0],
        ["task_loss", 8.0],
    ]
    values = [
        value
        for model, layer, method, quantity, value in zip(
            *(frame[name] for name in ("model_a", "layer_a", "method", "quantity", "value")), strict=True
        )
        if (model, layer, method, quantity) == ("net[width=8]", "conv2", "task_loss", "relative_accuracy")
    ]
    assert len(values) == 2 and table["conv2"][3] == pytest.approx(sum(values) / 2)
    own = frame[(frame["quantity"] == "accuracy") & (frame["kind"] == "network") & (frame["model_a"] == "net[width=3]")]
    assert table["accuracy, unstitched"][0] == pytest.approx(own["value"].mean())


def test_figure_has_a_panel_for_each_layer_and_widths_from_left_to_right(measured):
    _, frame, drawn = measured
    figure = WIDTH.figure(frame, [Kept({"model_a": "net[width=3]"}, {"layers": ["conv2", "bn1"]})])
    assert [panel.get_title() for panel in figure.axes] == [
        "conv2\nnet on blobs: 2 pairs a width",
        "bn1\nnet on blobs: 2 pairs a width",
    ]
    assert [path.name for path in drawn] == ["width.png"]
    table = WIDTH.summary(frame).set_index(["stitcher", "relative accuracy at width"])
    for panel, layer in zip(figure.axes, ("conv2", "bn1"), strict=True):
        found = {line.get_label(): line for line in panel.lines}
        assert list(found["task_loss"].get_xdata()) == [3, 8] == list(found["accuracy, unstitched"].get_xdata())
        assert found["task_loss"].get_ydata() == pytest.approx(table.loc["task_loss"][layer].tolist())
        assert found["accuracy, unstitched"].get_ydata() == pytest.approx(
            table.loc["identity"]["accuracy, unstitched"].tolist()
        )
        assert panel.get_xlabel().startswith("width") and "accuracy" in panel.get_ylabel()


def test_data_sets_and_samples_are_never_averaged_over(measured):
    _, frame, _ = measured
    both = pd.concat([frame, frame.assign(dataset="e"), frame.assign(samples=20.0, value=frame["value"] / 2)])
    figure = WIDTH.figure(both, [])
    assert len(figure.axes) == 2 * 3
    plain = {panel.get_title(): panel.lines[1].get_ydata()[0] for panel in WIDTH.figure(frame, []).axes}
    heights = [
        panel.lines[1].get_ydata()[0] / plain[panel.get_title().replace("on e", "on blobs")] for panel in figure.axes
    ]
    assert sorted(heights) == pytest.approx([0.5, 0.5, 1, 1, 1, 1])
    own = sorted(panel.lines[0].get_ydata()[0] for panel in figure.axes)
    assert own[0] == own[1] == own[-1] / 2
    assert len(WIDTH.summary(both)) == 3 * len(WIDTH.summary(frame))


def test_there_is_nothing_to_show_before_anything_is_measured(measured):
    _, frame, _ = measured
    alone = frame[frame["kind"] == "network"]
    assert WIDTH.figure(alone, []) is None and WIDTH.summary(alone).empty
    assert WIDTH.figure(frame[frame["quantity"] != "width"], []) is None, "no width is known"


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_presets_name_widths_of_the_residual_network(registry, preset):
    (scope,) = resolve(Request(experiments=("width",), preset=preset), registry).scopes
    assert isinstance(scope.experiment, Experiment) and {model.name for model in scope.models} == {"resnet20"}
    assert len({model.width for model in scope.models}) == len(scope.models) >= 3
    if preset == "paper":
        assert len(scope.seeds) * (len(scope.seeds) - 1) >= 10 and 3.0 in {model.width for model in scope.models}
        (found,) = scope.stitchers
        assert (found.init, found.labels, found.epochs, found.augment) == ("least_squares", "soft", 30, True)
