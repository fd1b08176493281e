"""The columns of what a run writes down: measurements, methods, timings, runs."""

from __future__ import annotations

from simbench.columns.column import table

#: Version of the tables. 1: without panels and divergences. A column that is added raises it.
SCHEMA = 2

#: Kinds of rows: values of an index, scores of a stitched network, scores of an unstitched one.
INDEX, STITCHER, NETWORK = "index", "stitcher", "network"
#: Quantity of a row of kind "index"; names of other values of an index end in `_similarity`.
SIMILARITY = "similarity"
#: Quantity of a row of kind "stitcher" that an index should predict -> +1 if larger is better, -1 if smaller is.
TARGETS = {"kl_divergence": -1, "relative_accuracy": 1, "agreement": 1, "cross_entropy": -1}
#: Those of a regression, beside the divergence.
NUMERIC = {"relative_r2": 1, "agreement_r2": 1, "mean_squared_error": -1}
TARGETS |= NUMERIC
#: Those that span orders of magnitude: correlations are with their logarithm.
LOGARITHMIC = ("kl_divergence",)
#: The target that decides the ranking.
RANKED_BY = "kl_divergence"
#: Kind of rows of stitches that were fitted on halves of the train inputs, and what follows a target in the quantity.
REFIT, REFIT_HALVES = "refit", ("/half0", "/half1")
#: Quantities that count images: shares of them, which change in whole steps.
COUNTED = ("accuracy", "relative_accuracy", "agreement")


MEASUREMENTS = table("""
dataset: text: data set, without paths
split: text: split that it was measured on; stitches are fitted on train
view: text: how activations become rows: spatial, flat, pooled, tokens or cls; empty where no view applies
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

METHODS = table("""
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
control: boolean: what every method must beat: it stands on boards, but no mean or comparison counts it
differentiable: boolean: claimed: has a finite gradient that is not identically zero
needs: text: what it is computed from: moments, samples, case (networks and layers) or task
family: text: maps that a stitcher is confined to
objective: text: what a stitcher minimises
source: text: citation
version: whole: version of the formula
package: text: package that provides it
package_version: text: version of that package
""")

TIMINGS = {name: MEASUREMENTS[name] for name in CASE} | table("""
seconds: number: seconds of this case; the first case of a layer includes the forward passes that others share
run: text: run that measured it
""")

CONFLICTS = {name: MEASUREMENTS[name] for name in IDENTITY} | table("""
value_a: number: the value that was taken, with every digit; empty where there is none
value_b: number: the value that was left out
status_a: text: its status, or nothing where a source has no such number
status_b: text: status of the value that was left out
source_a: text: folder that the first value comes from
source_b: text: folder that the second value comes from
""")

#: What names a row of cuts.csv: two layers on one data set.
CUT_KEY = ("dataset", "model_a", "seed_a", "layer_a", "model_b", "seed_b", "layer_b")
CUTS = {name: MEASUREMENTS[name] for name in CUT_KEY} | table("""
weights_a: text: sha256 of the weights of the front network
graph_a: text: hash of its computation
shape_a: text: shape of the output of its layer for one input: channels x height x width, channels x tokens x 1, or
    channels
layout_a: text: axes of that output in the network: image, image_last, tokens with prefix and grid, sequence,
    signal or vector
weights_b: text: sha256 of the weights of the end network
graph_b: text: hash of its computation
shape_b: text: shape of the output of its layer, as `shape_a`
layout_b: text: axes of that output, as `layout_a`
engine: text: what cut the end network: sequential, fx, export, export with input (the end reads ids or masks again),
    hook (the end is the whole network, with one output replaced) or none
end_multiply_adds: whole: multiply-adds of the end for one input; empty without an end
fit_rows: whole: rows that a stitch is fitted on: train inputs times the places of a layer
view: text: view that these rows are of; empty where the layers do not come together
mask: text: padding (tokens that an attention_mask marks are not among these rows) or none; empty where the layers do
    not come together
resize: text: rule by which a comes to another height and width, where b has one: bilinear, nearest, area or none
alignment: text: what is done to a and b so that their rows pair; empty where nothing is
class_tokens: text: pass (through the stitch) or dropped (an end gets their means); empty without class tokens
cut_note: text: why there is no end
run: text: run that saw it last
""")

RUNS = table("""
run: text: name of the run: when it started, and four digits
schema: whole: version of the tables of this folder; empty before there were versions
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
