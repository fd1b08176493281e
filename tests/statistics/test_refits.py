"""Reliability over other train inputs, from simulated scores of known reliability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_tables import index, methods, rows, target

from simbench.statistics.correlate import correlate
from simbench.statistics.refits import refit_reliabilities


def refitted(values: np.ndarray, halves: np.ndarray, **others) -> pd.DataFrame:
    """values (networks, networks, layers), halves: (2, ...) what either half adds."""
    parts = [
        rows("refit", "ls", np.exp(values + half), f"kl_divergence/half{at}", **others)
        for at, half in enumerate(halves)
    ]
    return pd.concat(parts, ignore_index=True)


def test_it_is_that_of_a_fit_on_all_train_inputs():
    """Scores of variance 1 whose fits on halves add noise of variance 1/2: the halves correlate by 2/3, and their ranks
    by 6 / pi asin(1/3) (Pearson 1907). The whole's fit adds 1/4, so that 0.8 of the variance of its scores is no noise:
    what the formula gives, but for ranks."""
    rng = np.random.default_rng(0)
    x, noise = rng.standard_normal((40, 40, 1)), np.sqrt(0.5) * rng.standard_normal((2, 40, 40, 1))
    (found,) = refit_reliabilities(refitted(x, noise)).to_dict("records")
    assert (found["method"], found["target"], found["layer"]) == ("ls", "kl_divergence", "conv1")
    off, ranks = ~np.eye(40, dtype=bool), 6 / np.pi * np.arcsin(1 / 3)
    half = stats.spearmanr(*(x[off, 0] + noise[:, off, 0])).statistic
    assert found["pairs"] == 40 * 39 and found["refit_reliability"] == pytest.approx(2 * half / (1 + half))
    assert found["refit_reliability"] == pytest.approx(2 * ranks / (1 + ranks), abs=0.03)


def test_fits_that_are_the_same_are_reliable_and_noise_is_not():
    x = np.random.default_rng(1).standard_normal((9, 9, 1))
    same, noise = np.zeros((2, 9, 9, 1)), np.random.default_rng(2).standard_normal((2, 9, 9, 1))
    assert refit_reliabilities(refitted(x, same))["refit_reliability"].tolist() == pytest.approx([1])
    assert refit_reliabilities(refitted(0 * x, noise))["refit_reliability"].item() < 0.5


def test_layers_stitchers_and_targets_are_apart():
    x, noise = np.random.default_rng(3).standard_normal((2, 5, 5, 2))
    table = refitted(x, np.array([noise, -noise]))
    other = table.assign(method="lasso")
    accuracy = table.assign(quantity=table["quantity"].str.replace("kl_divergence", "agreement"))
    found = refit_reliabilities(pd.concat([table, other, accuracy], ignore_index=True))
    assert len(found) == 2 * 3 and set(found["layer"]) == {"conv1", "conv2"} and found["pairs"].tolist() == [20] * 6


def test_what_one_half_lacks_is_left_out():
    x, noise = np.random.default_rng(4).standard_normal((2, 4, 4, 1))
    table = refitted(x, np.array([noise, -noise]))
    table.loc[0, "status"] = "failed"
    assert refit_reliabilities(table)["pairs"].tolist() == [11]
    few = refit_reliabilities(table.groupby("quantity").head(2))
    assert few["refit_reliability"].isna().all()
    assert refit_reliabilities(table.assign(kind="stitcher")).empty


def test_correlations_show_it_in_each_layer_and_as_the_mean_over_layers():
    x, noise, y = np.random.default_rng(5).standard_normal((3, 5, 5, 2))
    y[..., 1] = 0  # a target that is constant does not count
    refits = refitted(x, np.array([noise, -noise]))
    more = refitted(x, np.array([noise, noise]), samples=200)  # equal, so that it is 1
    parts = [index("cka", x), target(np.exp(y), "kl_divergence"), target(y), refits]
    found = correlate(pd.concat(parts, ignore_index=True), methods(cka=1), None, 0).table
    wanted = refit_reliabilities(refits).set_index("layer")["refit_reliability"]
    of_kl = found[(found["target"] == "kl_divergence") & (found["statistic"] == "spearman")].set_index("scope")
    shown = of_kl["refit_reliability"]
    assert shown["conv1"] == wanted["conv1"] == shown["within"] and shown["conv2"] == wanted["conv2"]
    assert shown[["pooled", "within_end"]].isna().all() and 0 <= wanted["conv1"] < 1
    assert found.loc[found["target"] == "relative_accuracy", "refit_reliability"].isna().all()
    found = correlate(pd.concat([*parts, more], ignore_index=True), methods(cka=1), None, 0).table
    assert (
        found.loc[(found["target"] == "kl_divergence") & (found["scope"] == "conv1"), "refit_reliability"].eq(1).all()
    )
