"""Reliability over other train inputs, from simulated scores of known reliability."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_tables import rows

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
