"""The columns of what is derived from measurements: correlations, leaderboard, comparisons."""

from __future__ import annotations

from simbench.columns.column import table

CORRELATIONS = table("""
dataset: text: data set that both were measured on
experiment: text: experiment that measured them
model_a: text: model of the front networks
model_b: text: model of the end networks
panel: text: panel of the networks, with its version; empty for networks of no panel
stitcher: text: name of the stitcher
stitcher_params: text: its parameters
target: text: what is predicted, oriented so that larger is better: kl_divergence (minus the logarithm of the
    divergence of stitched outputs from Model 2's), relative_accuracy, agreement, or cross_entropy (negated); of a
    regression relative_r2, agreement_r2 or mean_squared_error (negated) beside the divergence
index: text: name of the index that predicts, oriented so that larger is more similar
index_params: text: its parameters
view: text: how activations became rows for the index: spatial, flat, pooled, tokens or cls
scope: text: pooled (all layers together), a layer's name, within (mean over the layers where the target is reliable,
    the same for every index), or a mean over these layers of partial correlations: within_end, given the end network,
    or within_accuracy, given the accuracies of both networks
statistic: text: spearman, pearson, kendall (tau-b), or soft_pairwise_accuracy (share of pairs of stitches that the
    index orders as the target does, where those that its noise leaves open count less)
value: number: the correlation, in [-1, 1]: +1 for a perfect predictor (of soft_pairwise_accuracy in [0, 1], 0.5 for
    chance); empty where undefined
low: number: lower end of the 95 % interval over networks, by the jackknife; empty below 6 networks, and for kendall
high: number: upper end of that interval
wide_low: number: lower end of the 95 % interval over networks and over the test inputs of the target
wide_high: number: upper end of that interval
p_value: number: two-sided, from relabelling the networks on the index's side, in all layers alike: small if it
    matters which networks meet, beyond depth; empty for kendall, for within_end, and on a design that lacks pairs
reliability: number: of the target in this scope, from its values on halves of the test inputs; 1 if there is no noise
ceiling: number: the largest correlation that an index could reach with a target of this reliability
refit_reliability: number: of the target, from stitches fitted on two halves of the train inputs, in a layer, and the
    mean over layers for within; empty elsewhere, and unless the experiment `refits` measured it
networks: whole: number of networks; of two models, that of the model with fewer
pairs: whole: number of ordered pairs of networks
layers: whole: number of layers
design: text: which pairs of the networks: all, balanced:K (every end has K fronts, every front K ends) or other
coverage: number: share of the target's ok cells in this scope where the index is ok, before cells are made common
note: text: why something is empty, what was left out, and whether the target is saturated
""")

#: One board for each combination of these.
GROUP = ["dataset", "experiment", "model_a", "model_b", "panel"]
LEADERBOARD = {name: CORRELATIONS[name] for name in GROUP} | table("""
stitcher: text: name of the stitcher; `all` for the mean over the stitchers that the note names
stitcher_params: text: its parameters
target: text: what is predicted, as in correlations.csv; the columns that name no other target are of it
scope: text: scope that is ranked by
rank: whole: 1 for the largest correlation in that scope, of this stitcher; ties share the smallest; empty without a
    value
best_rank: whole: best rank that is certain: 1 and the number of indices that are better, at 5 % over the whole board
worst_rank: whole: worst rank that is certain: the number of indices less those that are worse
index: text: name of the index
index_params: text: its parameters
view: text: how activations became rows for the index: spatial, flat, pooled, tokens or cls
within: number: Spearman correlation with the target, mean over the layers where the target is reliable, in [-1, 1]
within_low: number: lower end of its 95 % interval over networks; empty below 6 networks
within_high: number: upper end of that interval
within_p: number: two-sided p-value, from relabelling networks, as in correlations.csv; empty for `all`
ceiling: number: the largest `within` that an index could reach, because the target is noisy
within_end: number: the same correlation given the end network: what is left when all of Model 2 is known
within_end_low: number: lower end of its 95 % interval
within_end_high: number: upper end of that interval
pooled: number: Spearman correlation with the target over all layers together, in [-1, 1]
pooled_low: number: lower end of its 95 % interval
pooled_high: number: upper end of that interval
relative_accuracy: number: Spearman correlation within layers with relative accuracy in place of the target
agreement: number: Spearman correlation within layers with agreement in place of the target
networks: whole: number of networks behind `within` (of two models, of the one with fewer); for `all`, the fewest
pairs: whole: number of ordered pairs of networks; for `all`, the fewest
layers: whole: number of layers behind `within`; for `all`, the fewest
design: text: which pairs of the networks, as in correlations.csv
coverage: number: share of the stitcher's ok cells where the index is ok, too; for `all`, the smallest
note: text: why something is empty, what was left out, and whether the target is saturated
""")

COMPARISONS = {name: CORRELATIONS[name] for name in GROUP} | table("""
stitcher: text: name of the stitcher; `all` for the mean over the stitchers that the leaderboard names
stitcher_params: text: its parameters
target: text: what is predicted, as in correlations.csv
scope: text: scope of the correlations, as in correlations.csv
index_a: text: name of an index
index_a_params: text: its parameters
view_a: text: its view
index_b: text: name of another index
index_b_params: text: its parameters
view_b: text: its view
difference: number: Spearman correlation of index a with the target, less that of index b
low: number: lower end of its 95 % interval over networks
high: number: upper end of that interval
p_value: number: two-sided p-value of no difference
adjusted: number: that p-value, corrected for all differences of this stitcher (Holm): at most 0.05 if one predicts
    better
networks: whole: number of networks
pairs: whole: number of ordered pairs of networks
""")
