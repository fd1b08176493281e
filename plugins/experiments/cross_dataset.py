"""Networks trained on different data sets, stitched: the paper's section 5.1, last paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from simbench_plugins.experiments import curves

from simbench import Case, Experiment, InputError, Preset, Result, Row, hookimpl
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from simbench.contracts import Kept
    from simbench.contracts.selection import Network, Selection
    from simbench import Bench

#: What tells the panels of the figure apart, beside the data set that the front was trained on.
PANEL = ["dataset", "model_b", "samples", "seed"]
#: The stitcher that changes nothing, drawn for foreign fronts only.
BASELINE = "identity"


class CrossDataset(Experiment):
    """Every stitcher from the front of a network trained on one data set to the end of one trained on another.

    Networks of every selected data set (and those with published weights, of theirs) are fronts; images, labels and
    the networks at the end are of one data set at a time, each in turn. Kind `foreign`: the front was trained on
    another data set, which stands behind the @ in `seed_a`, and sees the images normalised as there. Kind `home`, the
    reference: it was trained on this one. At every layer both networks have; fitted on train images, scored on test
    images against Model 2, the end. Where images have several labels, the relative accuracy is the mean over them,
    and `relative_accuracy/NAME` that of one.

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
        "default": Preset(
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
            stitchers="identity,least_squares,task_loss[epochs=30,schedule=step,augment=true]",
        ),
    }

    def plan(self, selection: Selection) -> Iterator[Case]:
        setting, kinds = selection.setting, _kinds(selection)
        home = [network for network in selection.networks if kinds[network] == "home"]
        for network in home:
            yield Case(self, setting, "network", None, network, "", network, "", "")
        for a in selection.networks:
            for b in home:
                for layer in selection.layers[a.model.spec] if a != b else ():
                    if layer in selection.layers[b.model.spec]:
                        for stitcher in selection.stitchers:
                            yield Case(self, setting, kinds[a], stitcher, a, layer, b, layer, "spatial")

    def run(self, case: Case, context: Bench) -> list[Row] | Result:
        if case.kind == "network":
            return curves.alone(case, context)
        return context.stitched(context.fit(case.method, case), case)

    def summary(self, rows: pandas.DataFrame) -> pandas.DataFrame:
        """Mean over the pairs: relative accuracy, a row per data set of front and end and layer."""
        kept = _with_fronts(rows)
        if kept.empty:
            return kept[[]]
        several = [name for name in ("model_a", "model_b", "samples", "seed") if kept[name].nunique() > 1]
        wide = kept.pivot_table(
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
        for panel, ((front, model_a, *told), group) in zip(axes, groups, strict=True):
            same = stitched[(stitched[PANEL] == told).all(axis=1) & (stitched["kind"] == "home")]
            layers = curves.in_depth(group["layer_a"], told[1], depths)
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
            where = f"{front} -> {told[0]}\n{curves.models(model_a, told[1])}: {curves.size(group)}"
            figures.describe(panel, where, "stitched at layer", "relative accuracy (stitched / Model 2)")
            panel.set_ylim(bottom=0)
        figures.legend(figure, axes, len(places))
        return figure


def _kinds(selection: Selection) -> dict[Network, str]:
    """Network -> "home" or "foreign". Raises InputError for what cannot be stitched across data sets."""
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
    kept = curves.numbers(rows, "relative_accuracy")
    kept = curves.named(kept[kept["kind"].isin(["foreign", "home"])])
    fronts = [
        seed.partition("@")[2] if kind == "foreign" else dataset
        for kind, seed, dataset in zip(kept["kind"], kept["seed_a"], kept["dataset"], strict=True)
    ]
    return kept.assign(front=fronts)


@hookimpl
def simbench_experiments():
    return [CrossDataset()]
