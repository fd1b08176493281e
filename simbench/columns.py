"""Every column of every CSV in a results folder: its name, its type and what it means.

A table maps column names, in the order of the file, to `Column`s. `simbench.results.tables` writes the files,
`simbench.statistics` computes correlations.csv and leaderboard.csv, and results/README.md shows them.

>>> MEASUREMENTS["value"].type
'number'
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

#: Type -> dtype in pandas. Text is '' where empty; the other types hold a missing value there.
DTYPES = {"text": str, "whole": "Int64", "number": "float64", "boolean": "boolean"}

#: Kinds of rows: values of an index, scores of a stitched network, scores of an unstitched one.
INDEX, STITCHER, NETWORK = "index", "stitcher", "network"
#: Quantity of a row of kind "index"; names of other values of an index end in `_similarity`.
SIMILARITY = "similarity"
#: Quantity of a row of kind "stitcher" that an index should predict -> +1 if larger is better, -1 if smaller is.
TARGETS = {"relative_accuracy": 1, "agreement": 1, "cross_entropy": -1}
#: Quantities that count images: shares of them, which change in whole steps.
COUNTED = ("accuracy", "relative_accuracy", "agreement")


class Column(NamedTuple):
    """type: a key of DTYPES. meaning: one line, without a full stop."""

    type: str
    meaning: str


def _table(text: str) -> dict[str, Column]:
    """A table from lines `name: type: meaning`; an indented line continues the one before."""
    parts = (line.split(": ", 2) for line in text.strip().replace("\n    ", " ").splitlines())
    return {name: Column(kind, meaning) for name, kind, meaning in parts}


MEASUREMENTS = _table("""
dataset: text: data set, without paths
split: text: split that it was measured on; stitches are fitted on train
view: text: how activations become rows: spatial, flat or pooled; empty where no view applies
model_a: text: model of the front network (Model 1)
seed_a: text: training seed of the front network, or the name of its weights file
layer_a: text: layer of the front network
model_b: text: model of the end network (Model 2)
seed_b: text: training seed of the end network, or the name of its weights file
layer_b: text: layer of the end network
panel: text: panel that both networks are from, with its version; empty for networks of no panel or of different ones
experiment: text: experiment, with the parameters that differ from its defaults
kind: text: index, stitcher, network (unstitched), or a kind of the experiment's own
method: text: name of the index or stitcher
params: text: all parameters of the method
quantity: text: what the number is
step: whole: training step; empty outside a training
samples: whole: number of images that it was measured on
seed: whole: seed of the drawn images and of stitch training
value: number: the number, rounded to the digits that hold; empty where there is none: in skipped and failed rows
status: text: ok, degenerate, skipped or failed
note: text: the reason, for every status but ok
""")

#: What a row of measurements.csv is about, without what was measured.
IDENTITY = [name for name in MEASUREMENTS if name not in ("value", "status", "note")]
#: What a case is about.
CASE = [name for name in IDENTITY if name not in ("quantity", "step")]

METHODS = _table("""
kind: text: index or stitcher
method: text: name
params: text: all parameters
spec: text: what to type
direction: whole: +1 if larger is more similar, -1 for a distance; indices only
symmetric: boolean: claimed: s(a, b) = s(b, a)
low: number: claimed smallest value
high: number: claimed largest value
invariances_a: text: claimed invariances of the a side
invariances_b: text: claimed invariances of the b side
differentiable: boolean: claimed: has a finite gradient that is not identically zero
needs: text: what it is computed from: moments, samples or task
family: text: maps that a stitcher is confined to
objective: text: what a stitcher minimises
source: text: citation
version: whole: version of the formula
package: text: package that provides it
package_version: text: version of that package
""")

TIMINGS = {name: MEASUREMENTS[name] for name in CASE} | _table("""
seconds: number: seconds of this case; the first case of a layer includes the forward passes that others share
run: text: run that measured it
""")

RUNS = _table("""
run: text: name of the run: when it started, and four digits
command: text: command line; empty for a run from Python
started: text: when it started
seconds: number: seconds it took; empty if it was interrupted
measured: whole: number of cases that it measured
device: text: device: cpu, cuda or cuda:N
threads: whole: threads of torch
commit: text: commit of simbench, where it ran from a git checkout
machine: text: hardware class
versions: text: versions of Python and of packages
""")

CORRELATIONS = _table("""
dataset: text: data set that both were measured on
experiment: text: experiment that measured them
model_a: text: model of the front networks
model_b: text: model of the end networks
panel: text: panel of the networks, with its version; empty for networks of no panel
stitcher: text: name of the stitcher
stitcher_params: text: its parameters
target: text: what is predicted: relative_accuracy, agreement or cross_entropy (negated: larger is better)
index: text: name of the index that predicts, oriented so that larger is more similar
index_params: text: its parameters
view: text: how activations became rows for the index: spatial, flat or pooled
scope: text: pooled (all layers together), within (mean over the layers where it is defined), or a layer's name
statistic: text: spearman, pearson or kendall (tau-b)
value: number: the correlation, in [-1, 1]: +1 for a perfect predictor; empty where undefined
low: number: lower end of the 95 % percentile bootstrap interval over networks; empty below 6 networks (the coverage
    is right from 8), and for kendall, which takes too long to resample
high: number: upper end of that interval
p_value: number: two-sided, from relabelling the networks on the index's side, in all layers alike: small if it
    matters which networks meet, beyond depth; empty for kendall
networks: whole: number of networks; of two models, that of the model with fewer
pairs: whole: number of ordered pairs of networks
layers: whole: number of layers
coverage: number: share of the target's ok cells in this scope where the index is ok, before cells are made common
note: text: why something is empty, what was left out, and whether the target is saturated
""")

#: One board for each combination of these.
GROUP = ["dataset", "experiment", "model_a", "model_b", "panel"]
LEADERBOARD = {name: CORRELATIONS[name] for name in GROUP} | _table("""
stitcher: text: name of the stitcher; `all` for the mean over the stitchers that the note names
stitcher_params: text: its parameters
rank: whole: 1 for the largest `within` of this stitcher, ties share the smallest; empty without a value
index: text: name of the index
index_params: text: its parameters
view: text: how activations became rows for the index: spatial, flat or pooled
within: number: Spearman correlation with relative accuracy, mean over layers, in [-1, 1]
within_low: number: lower end of its 95 % interval over networks; empty below 6 networks, and for `all`, because
    stitchers share their networks
within_high: number: upper end of that interval
within_p: number: two-sided p-value from relabelling networks; empty for `all`
pooled: number: Spearman correlation with relative accuracy over all layers together, in [-1, 1]
pooled_low: number: lower end of its 95 % interval, as within_low
pooled_high: number: upper end of that interval
pooled_p: number: two-sided p-value, as within_p
networks: whole: number of networks behind `within` (of two models, of the one with fewer); for `all`, the fewest
pairs: whole: number of ordered pairs of networks; for `all`, the fewest
layers: whole: number of layers; for `all`, the fewest
coverage: number: share of the stitcher's ok cells where the index is ok, too; for `all`, the smallest
note: text: why something is empty, what was left out, and whether the target is saturated
""")

NONE: Mapping[str, Any] = MappingProxyType({})
#: Column of the leaderboard that those of experiments follow.
BEFORE_BOARD = "view"

#: File -> its table, without the columns that experiments add to the leaderboard.
TABLES = {
    "measurements.csv": MEASUREMENTS,
    "methods.csv": METHODS,
    "timings.csv": TIMINGS,
    "runs.csv": RUNS,
    "correlations.csv": CORRELATIONS,
    "leaderboard.csv": LEADERBOARD,
}


def board(declared: Mapping[str, Any] = NONE) -> dict[str, Column]:
    """The columns of leaderboard.csv. declared: quantity -> `simbench.BoardColumn`, of all experiments."""
    table = {}
    for name, column in LEADERBOARD.items():
        table[name] = column
        if name == BEFORE_BOARD:
            for quantity, of in declared.items():
                table |= added(quantity, of)
    return table


def added(quantity: str, declared: Any) -> dict[str, Column]:
    """The four columns of leaderboard.csv that show one quantity of an experiment."""
    return {
        quantity: Column("number", declared.meaning),
        f"{declared.prefix}_networks": Column("whole", f"number of networks that `{quantity}` is the mean over"),
        f"{declared.prefix}_layer": Column("text", f"layer, or layers a -> b, of `{quantity}`"),
        f"{declared.prefix}_by": Column("text", f"experiment that measured `{quantity}`"),
    }


def dtypes(table: Mapping[str, Column]) -> dict[str, Any]:
    """Column -> dtype in pandas."""
    return {name: DTYPES[column.type] for name, column in table.items()}
