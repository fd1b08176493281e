"""Outcomes of single inputs: what a bench keeps of them, and the scores on halves of the inputs that come back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import case, installed

from simbench.contracts.objective import Objective
from simbench.measuring.bench import Workbench
from simbench.results.outcomes import halves
from simbench.results.store import Record
from simbench.statistics.reliability import half_splits

N = 37  # no multiple of 8


@pytest.mark.parametrize("attributes", [(), ("x", "y", "z")])
def test_the_divergence_is_the_cross_entropy_less_the_entropy_of_model_2(attributes):
    objective = Objective(attributes)
    logits, own = torch.randn(2, N, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3
    divergence, entropy = objective.divergence(logits, own), objective.entropy(own)
    assert divergence.shape == entropy.shape == (N,)
    cross_entropy = objective.cross_entropy(logits, objective.probabilities(own))
    assert float((divergence + entropy).mean()) == pytest.approx(float(cross_entropy), rel=1e-12)
    assert (divergence > 0).all() and (entropy > 0).all()
    assert (objective.divergence(own, own) == 0).all()
    assert not torch.allclose(divergence, objective.divergence(own, logits)), "it is not symmetric"


def record(kind: str, seed_b: str, quantity_arrays: bool, experiment: str = "e") -> Record:
    labels = {
        "dataset": "d",
        "split": "test",
        "view": "",
        "model_a": "m",
        "seed_a": "0" if kind == "stitcher" else seed_b,
    }
    labels |= {"layer_a": "l", "model_b": "m", "seed_b": seed_b, "layer_b": "l", "panel": "", "experiment": experiment}
    labels |= {"kind": kind, "method": "ls", "params": "", "samples": N, "seed": 0}
    return Record(f"{kind}{seed_b}{experiment}", {}, labels, {}, (), 0.0, "r", arrays="x" if quantity_arrays else "")


@pytest.mark.parametrize("attributes", [1, 2])
def test_scores_on_halves_are_those_computed_from_the_outcomes(attributes):
    rng = np.random.default_rng(0)
    right, own_right, agrees = rng.random((3, N, attributes)) < np.array([0.6, 0.9, 0.7])[:, None, None]
    divergence, entropy = rng.random((2, N)).astype(np.float16)
    shape = (N,) if attributes == 1 else (N, attributes)

    def bits(values):
        return np.packbits(values.reshape(shape), axis=0)

    arrays = {
        "stitcher1e": {"right": bits(right), "agrees": bits(agrees), "divergence": divergence},
        "network1e": {"right": bits(own_right), "entropy": entropy, "layers": np.array(["l"])},
        "network1other": {"layers": np.array(["l"])},
    }
    records = [record("stitcher", "1", True), record("network", "1", True), record("network", "1", True, "other")]
    found = halves(records, lambda each: arrays[each.key]).set_index("quantity")["halves"]
    assert set(found.index) == {"kl_divergence", "cross_entropy", "relative_accuracy", "agreement"}
    for split, first in enumerate(half_splits(N)):
        for side, part in enumerate((first, ~first)):
            expected = {
                "kl_divergence": divergence[part].astype(float).mean(),
                "cross_entropy": (divergence.astype(float) + entropy.astype(float))[part].mean(),
                "relative_accuracy": (right[part].mean(axis=0) / own_right[part].mean(axis=0)).mean(),
                "agreement": agrees[part].mean(),
            }
            for quantity, value in expected.items():
                assert found[quantity][split, side] == pytest.approx(value, rel=1e-12), quantity


def test_without_the_outcomes_of_model_2_only_what_needs_none_is_there():
    outcomes = {"right": np.packbits(np.ones(N, bool)), "agrees": np.packbits(np.ones(N, bool))}
    outcomes |= {"divergence": np.ones(N, np.float16)}
    found = halves([record("stitcher", "1", True), record("stitcher", "2", False)], lambda _: outcomes)
    assert sorted(found["quantity"]) == ["agreement", "kl_divergence"] and set(found["seed_b"]) == {"1"}


def test_the_bench_keeps_what_the_scores_are_means_of(small):
    bench, one = Workbench(small), case(small, installed().get("stitchers", "least_squares"))
    logits = bench.logits(bench.fit(one.method, one), one)
    score, kept, own = bench.score(logits, one), bench.outcomes(logits, one), bench.own_outcomes(one.b)
    n = bench.samples(one)
    right, agrees, own_right = (np.unpackbits(each, count=n) for each in (kept["right"], kept["agrees"], own["right"]))
    assert right.mean() == pytest.approx(score.accuracy) and agrees.mean() == pytest.approx(score.agreement)
    assert right.mean() / own_right.mean() == pytest.approx(score.relative_accuracy)
    assert kept["divergence"].dtype == own["entropy"].dtype == np.float16
    assert kept["divergence"].astype(float).mean() == pytest.approx(score.kl_divergence, rel=1e-3)
    entropy = own["entropy"].astype(float).mean()
    assert score.kl_divergence + entropy == pytest.approx(score.cross_entropy, rel=1e-3)


WRONG = {
    "scalar": {"divergence": np.float16(1)},
    "text": {"divergence": np.array(["a"] * N)},
    "one input": {"divergence": np.ones(1)},
    "bits of other inputs": {"divergence": np.ones(N), "agrees": np.zeros(2, np.uint8)},
    "bits as numbers": {"divergence": np.ones(N), "right": np.zeros(5)},
}


@pytest.mark.parametrize("arrays", WRONG.values(), ids=WRONG)
def test_arrays_that_are_no_outcomes_are_left_out(arrays):
    assert halves([record("stitcher", "1", True)], lambda each: arrays).empty


@pytest.mark.parametrize(
    "own",
    [
        {"entropy": np.ones(N)},
        {"entropy": np.ones(N + 1), "right": np.zeros(5, np.uint8)},
        {"entropy": np.ones(N), "right": np.zeros((5, 2), np.uint8)},
    ],
    ids=["without bits", "of other inputs", "of other attributes"],
)
def test_outcomes_of_the_end_that_are_not_of_the_stitched_inputs_are_not_used(own):
    of = {"stitcher1e": {"divergence": np.ones(N), "right": np.zeros(5, np.uint8)}, "network1e": own}
    found = halves([record("stitcher", "1", True), record("network", "1", True)], lambda each: of[each.key])
    assert set(found["quantity"]) == {"kl_divergence"}
