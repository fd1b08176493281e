"""Means and standard deviations over pairs of networks, by layer or width, for figures of stitching."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from simbench import Case, Result, Row
from simbench.grammar import split_list
from simbench.results import figures

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from simbench import Bench
    from simbench.contracts import Kept

#: Columns whose values are never averaged over.
APART = ["dataset", "model_a", "model_b", "samples", "seed"]
#: Index of black among the colours.
BLACK = figures.COLOURS.index("#000000")


def numbers(rows: pandas.DataFrame, quantity: str) -> pandas.DataFrame:
    """The ok rows of a quantity, with `value` as float."""
    ok = rows[(rows["quantity"] == quantity) & (rows["status"] == "ok")]
    return ok.assign(value=ok["value"].astype(float))


def named(rows: pandas.DataFrame) -> pandas.DataFrame:
    """The rows with a column `stitcher`: the method, with the parameters in which its configurations differ."""
    pairs = list(zip(rows["method"], rows["params"], strict=True))
    several: dict[str, dict[str, dict[str, str]]] = {}
    for method, params in pairs:
        several.setdefault(method, {})[params] = dict(
            part.partition("=")[::2] for part in (split_list(params) if params else [])
        )
    names = {}
    for method, configurations in several.items():
        keys = dict.fromkeys(key for given in configurations.values() for key in given)
        varying = [key for key in keys if len({given.get(key) for given in configurations.values()}) > 1]
        for params, given in configurations.items():
            inside = ",".join(f"{key}={given[key]}" for key in varying if key in given)
            names[method, params] = f"{method}[{inside}]" if inside else method
    return rows.assign(stitcher=[names[pair] for pair in pairs])


def spread(rows: pandas.DataFrame, by: Sequence[str]) -> pandas.DataFrame:
    """mean, std (NaN for one pair) and count of `value`, a row for each combination of the columns `by`."""
    return rows.groupby(list(by), sort=False)["value"].agg(["mean", "std", "count"]).reset_index()


def size(rows: pandas.DataFrame) -> str:
    """Numbers of networks, of pairs and of images in the rows: for titles."""
    networks = {*zip(rows["model_a"], rows["seed_a"], strict=True), *zip(rows["model_b"], rows["seed_b"], strict=True)}
    pairs = rows[["model_a", "seed_a", "model_b", "seed_b"]].drop_duplicates()
    return f"{len(networks)} networks, {_count(len(pairs), 'pair')}, {int(rows['samples'].iloc[0])} images"


def models(model_a: str, model_b: str) -> str:
    """For titles."""
    return model_a if model_a == model_b else f"{model_a} -> {model_b}"


def depths(kept: Iterable[Kept]) -> dict[str, tuple[str, ...]]:
    """Model -> its layers in order of depth, from the cases with an array `layers`."""
    return {one.labels["model_a"]: tuple(map(str, one.arrays["layers"])) for one in kept if "layers" in one.arrays}


def in_depth(layers: Iterable[str], model: str, known: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The layers, each once, in the order of the model if known, otherwise sorted with numbers in numeric order."""
    order = known.get(model, ())
    return sorted(
        dict.fromkeys(layers),
        key=lambda layer: (
            order.index(layer) if layer in order else len(order),
            [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", layer) if part],
        ),
    )


def places(stitchers: Iterable[str], baseline: str = "") -> dict[str, int]:
    """Stitcher -> the index of its colour, in the order of names; the baseline, in black, last."""
    names = sorted(set(stitchers) - {baseline})
    indices = {name: at + (at >= BLACK) for at, name in enumerate(names)}
    return indices | ({baseline: BLACK} if baseline in set(stitchers) else {})


def draw(
    axes: Axes,
    rows: pandas.DataFrame,
    column: str,
    along: Sequence,
    places: Mapping[str, int],
    suffix: str = "",
    shaded: bool = True,
    **line,
) -> None:
    """Draw a curve, with its band if `shaded`, for each stitcher of the rows.

    along: values of the column on the x axis, in order; names stand at 0, 1, ... The baseline is dashed."""
    spreads = spread(rows, ["stitcher", column]).set_index(["stitcher", column])
    x = range(len(along)) if isinstance(along[0], str) else along
    for name, place in places.items():
        if name in spreads.index.get_level_values(0):
            one = spreads.loc[name].reindex(along)
            style = {"linestyle": "--"} if place == BLACK else {}
            deviation = one["std"] if shaded else one["std"] * 0
            figures.band(axes, x, one["mean"], deviation, name + suffix, place, **style | line)
    if x is along:
        axes.set_xticks(along, [f"{value:g}" for value in along])
    else:
        figures.ticks(axes, along)


def alone(case: Case, bench: Bench) -> Result:
    """The result of a case of one unstitched network: its accuracy, of a regression R2, and its layers in order of
    depth, for figures."""
    import numpy as np

    quantity = "r2" if case.setting.dataset.regression else "accuracy"
    return Result([Row(quantity, bench.accuracy(case.a))], {"layers": np.array(case.a.model.layers)})


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
