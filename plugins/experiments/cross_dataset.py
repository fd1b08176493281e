"""Networks trained on different data sets, stitched: the paper's section 5.1, last paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves
from simbench_plugins.experiments.presets import AUTHORS, SMALL

from simbench import Case, Experiment, InputError, Preset, Result, Row, hookimpl
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench import Bench, Network, Selection
    from simbench.contracts import Kept

#: Columns that identify a panel of the figure, beside the data set that the front was trained on.
PANEL = ["dataset", "model_b", "samples", "seed"]
#: The stitcher that changes nothing, drawn for foreign fronts only.
BASELINE = "identity"


class CrossDataset(Experiment):
    """Every stitcher from the front of a network trained on one data set to the end of one trained on another.

    Networks of every selected data set (and those with published weights, of theirs) are fronts; images, labels and the
    networks that supply the end are of one data set at a time, each in turn. Kind `foreign`: the front was trained on
    another data set, named after the @ in `seed_a`, and sees the images normalised as there. Kind `home`, the
    reference: it was trained on this one. Every layer that both networks have is stitched. Stitches are fitted on train
    images and scored on test images against Model 2, which supplies the end. Where images have several labels, the
    relative accuracy is the mean over them, and `relative_accuracy/NAME` that of one.

    The figure shows relative accuracy by layer, mean and standard deviation over pairs of networks, a panel for each
    (data set of the front -> data set of the end); dotted, the reference.

    Preset default: digits by class, by parity and by six attributes. Preset paper (its appendix C.2): an Inception V1
    trained on ImageNet, whose weights are downloaded, into ones trained on CelebA, whose images (1.5 GB) are
    downloaded, too; of 10,000 images of each split, as many as its authors fit least squares to (all of them, with
    --max-samples 200000, want 28 GB of memory). The text gives neither direction nor number of runs; ours are five
    foreign pairs. The training of the stitch is that of the authors' code: 30 epochs of Adam from 1e-3, cut by 10
    after each third, batches of 128, cropped and mirrored.
    """

    name = "cross_dataset"
    source = "Csiszarik et al. 2021, section 5.1 and appendix C.2"
    across = True
    presets: ClassVar = {
        "default": replace(
            SMALL,
            datasets="digits,digits[task=parity],digits[task=attributes]",
            seeds="2",
            indices="cka",
            layers="bn5,bn7,bn8",
            stitchers="identity,least_squares,task_loss",
        ),
        "paper": Preset(
            models="inception_v1,inception_v1[weights=imagenet]",
            seeds="5",
            indices="cka",
            datasets="celeba[size=224,normalisation=inception]",
            stitchers=f"identity,least_squares,task_loss[{AUTHORS}]",
        ),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, kinds = selection.setting, _kinds(selection)
        home = [network for network in selection.networks if kinds[network] == "home"]
        for network in home:
            yield Case.alone(self, setting, network)
        for pair in selection.pairs():
            if kinds[pair.b] == "home":
                for stitcher in selection.stitchers:
                    yield Case.stitch(self, setting, stitcher, pair, kinds[pair.a])

    def run(self, case: Case, bench: Bench) -> list[Row] | Result:
        if case.kind == "network":
            return curves.alone(case, bench)
        return bench.stitched(bench.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean over the pairs: relative accuracy, a row per data set of front and end and layer."""
        scores = _with_fronts(rows)
        if scores.empty:
            return scores[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if scores[name].nunique() > 1]
        wide = scores.pivot_table(
            index=["front", "dataset", *several, "layer_a"], columns="stitcher", values="value", sort=False
        )
        names = {"front": "front trained on", "dataset": "end trained on", "layer_a": "relative accuracy at"}
        return wide.rename_axis(columns=None).reset_index().rename(columns=names)

    def figure(self, rows: pandas.DataFrame, kept: Sequence[Kept]) -> Figure | None:
        """A panel for each front and end: relative accuracy by layer, beside that of the end's own data set."""
        stitched = _with_fronts(rows)
        foreign, depths = stitched[stitched["kind"] == "foreign"], curves.depths(kept)
        if foreign.empty:
            return None
        groups = list(foreign.groupby(["front", "model_a", *PANEL], sort=False))
        figure, axes = figures.panels(
            len(groups),
            3 if len(groups) != 2 else 2,
            "Fronts trained on another data set: mean and standard deviation over pairs of networks",
        )
        places = curves.places(stitched["stitcher"], BASELINE)
        for panel, ((front, model_a, *home), group) in zip(axes, groups, strict=True):
            same = stitched[(stitched[PANEL] == home).all(axis=1) & (stitched["kind"] == "home")]
            layers = curves.in_depth(group["layer_a"], home[1], depths)
            reference = same[same["layer_a"].isin(layers) & (same["stitcher"] != BASELINE)]
            curves.draw(panel, group, "layer_a", layers, places)
            curves.draw(
                panel,
                reference,
                "layer_a",
                layers,
                places,
                ", front of the end's own data",
                shaded=False,
                linestyle=":",
                marker="",
            )
            where = f"{front} -> {home[0]}\n{curves.models(model_a, home[1])}: {curves.size(group)}"
            figures.describe(panel, where, "stitched at layer", "relative accuracy (stitched / Model 2)")
            panel.set_ylim(bottom=0)
        figures.legend(figure, axes, len(places))
        return figure


def _kinds(selection: Selection) -> dict[Network, str]:
    """Network -> "home" or "foreign". Raises InputError where networks cannot be stitched across data sets."""
    dataset, kinds = selection.setting.dataset, {}
    for network in selection.networks:
        trained = network.home(selection.setting)
        kinds[network] = "home" if trained.label == dataset.label else "foreign"
        if trained.channels != dataset.channels:
            raise InputError(
                f"cross_dataset shows the images of each data set to the networks of all: {trained.label} "
                f"has {trained.channels} channels, {dataset.label} {dataset.channels}; give data sets of "
                "one number of channels with --datasets"
            )
    for kind, lacking in (
        ("foreign", "on another data set; give two or more with --datasets, such as 'digits,digits[task=parity]'"),
        ("home", f"on {dataset.label} itself; give a model without published weights with --models"),
    ):
        if kind not in kinds.values():
            raise InputError(
                f"cross_dataset stitches networks trained on different data sets into those of "
                f"{dataset.label}, and no network is trained {lacking}"
            )
    return kinds


def _with_fronts(rows: pandas.DataFrame) -> pandas.DataFrame:
    """Relative accuracies of stitches, with the columns `stitcher` and `front`, the data set its front was trained
    on."""
    scores = curves.numbers(rows, "relative_accuracy")
    scores = curves.named(scores[scores["kind"].isin(["foreign", "home"])])
    fronts = [
        seed.partition("@")[2] if kind == "foreign" else dataset
        for kind, seed, dataset in zip(scores["kind"], scores["seed_a"], scores["dataset"], strict=True)
    ]
    return scores.assign(front=fronts)


@hookimpl
def simbench_experiments():
    return [CrossDataset()]
