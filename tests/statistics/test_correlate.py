"""The table of correlations on measurements whose answers are known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_correlations import one
from small_tables import index, methods, noise, pairs_of, table, target

from simbench.columns import CORRELATIONS, MEASUREMENTS
from simbench.errors import InputError
from simbench.statistics.correlate import correlate
from simbench.statistics.notes import SATURATED

SCIPY = {"spearman": stats.spearmanr, "pearson": stats.pearsonr, "kendall": stats.kendalltau}


@pytest.mark.parametrize("statistic", SCIPY)
def test_values_are_those_of_scipy(statistic):
    x, y = noise(0).round(1), noise(1).round(1)  # with ties
    found = table(index("cka", x), target(y))
    flat_x, flat_y = pairs_of(x), pairs_of(y)
    layers = [SCIPY[statistic](flat_x[:, i], flat_y[:, i]).statistic for i in range(2)]
    pooled = SCIPY[statistic](flat_x.ravel(), flat_y.ravel()).statistic
    for scope, value in {"conv1": layers[0], "conv2": layers[1], "within": np.mean(layers), "pooled": pooled}.items():
        assert one(found, scope, statistic)["value"] == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e-7, 1e5])
def test_two_values_of_a_symmetric_index_that_differ_by_rounding_tie(size):
    """s(a, b) = s(b, a): which of the two is larger by 1e-13 says nothing."""
    values, accuracy = noise(1), noise(2)
    values = size * (values + values.transpose(1, 0, 2))
    rounding = 1 + 1e-13 * np.random.default_rng(3).standard_normal(values.shape)
    exact, rounded = (one(table(index("i", s), target(accuracy)), "conv1") for s in (values, values * rounding))
    assert exact["value"] == rounded["value"]
    assert exact["value"] == pytest.approx(stats.spearmanr(pairs_of(values)[:, 0], pairs_of(accuracy)[:, 0]).statistic)


def test_an_index_monotone_in_the_target_has_correlation_1_in_every_scope():
    y = noise(0, networks=6, layers=3)
    found = table(index("cka", np.exp(5 * y)), target(y), intervals=True, permutations=720)
    ranked = found[found["statistic"].isin(["spearman", "kendall"]) & (found["scope"] != "within_accuracy")]
    assert set(ranked["scope"]) == {"pooled", "within", "within_end", "conv1", "conv2", "conv3"}
    assert ranked["value"].to_numpy() == pytest.approx(1)
    spearman = ranked[ranked["statistic"] == "spearman"]
    assert spearman[["low", "high"]].to_numpy() == pytest.approx(1)
    assert spearman[spearman["scope"] != "within_end"]["p_value"].to_numpy() == pytest.approx(2 / 720)


def test_depth_can_turn_the_sign_simpson():
    within, depth = noise(0), np.array([0.0, 10.0])
    found = table(index("cka", depth - within), target(depth + within))
    assert one(found, "pooled")["value"] > 0.5
    assert one(found, "within")["value"] == pytest.approx(-1)


def test_a_distance_and_cross_entropy_are_oriented():
    y = noise(0)
    found = table(
        index("cka", y),
        index("distance", -y),
        target(y),
        target(y, "agreement"),
        target(-y, "cross_entropy"),
        distance=-1,
    )
    known = found[found["scope"].ne("within_accuracy") & found["statistic"].ne("soft_pairwise_accuracy")]
    assert known["value"].to_numpy() == pytest.approx(1)
    assert set(found["target"]) == {"relative_accuracy", "agreement", "cross_entropy"}


def test_intervals_are_empty_below_6_networks():
    for networks, empty in ((5, True), (6, False)):
        found = table(index("cka", noise(0, networks)), target(noise(1, networks)), intervals=True)
        drawn = found[found["statistic"].isin(["spearman", "pearson"]) & (found["scope"] != "within_accuracy")]
        assert (drawn["networks"] == networks).all()
        assert drawn["low"].isna().all() if empty else (drawn["low"] < drawn["high"]).all()
        assert drawn["note"].str.contains("no interval: 5 networks, 6 are needed").all() == empty


def test_a_correlation_undefined_without_some_network_has_no_interval():
    meeting = np.array([(0, 1), (0, 2), (0, 3), (4, 5), (1, 0)])  # without network 0, one pair is left
    parts = [index("cka", noise(0, 6)), target(noise(1, 6))]
    kept = [
        part[[(int(a), int(b)) in set(map(tuple, meeting)) for a, b in zip(part.seed_a, part.seed_b, strict=True)]]
        for part in parts
    ]
    row = one(table(*kept, intervals=True))
    assert row["pairs"] == 5 and np.isfinite(row["value"]) and np.isnan(row["low"])
    assert "no interval: undefined without some network" in row["note"]


def test_no_correlation_of_2_networks():
    found = table(index("cka", noise(0, 2)), target(noise(1, 2)), intervals=True, permutations=10)
    assert found[["value", "low", "high", "p_value"]].isna().all(axis=None)
    assert one(found)["note"] == "undefined: 2 pairs of networks, 3 are needed"
    assert one(found, "within")["note"].startswith(
        "mean of 0 of 2 layers, without conv1 (2 pairs of networks, 3 are needed)"
    )
    assert one(found, "within")["note"].endswith("undefined in every layer")


def test_the_table_does_not_depend_on_the_order_of_rows_or_on_other_groups():
    parts = [
        index("cka", noise(0, 7)),
        index("cca", noise(1, 7)),
        target(noise(2, 7)),
        target(noise(3, 7), method="id"),
    ]
    measurements = pd.concat(parts, ignore_index=True)
    known = methods(cka=1, cca=1)
    first = correlate(measurements, known, None, 50).table
    shuffled = measurements.sample(frac=1, random_state=0)
    others = pd.concat([part.assign(**other) for part in parts for other in ({"dataset": "c"}, {"model_a": "n"})])
    pd.testing.assert_frame_equal(first, correlate(shuffled, known, None, 50).table, check_exact=True)
    more = correlate(pd.concat([others, shuffled]), known, None, 50).table
    more = more[(more["dataset"] == "d") & (more["model_a"] == "m")].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, more, check_exact=True)
    assert not first.equals(correlate(measurements, known, None, 50, seed=1).table)


def test_rows_are_sorted_with_layers_in_natural_order():
    y = noise(0, 3, layers=10)
    found = table(index("b", y), index("a", y), target(y))
    assert list(dict.fromkeys(found["index"])) == ["a", "b"]
    assert list(dict.fromkeys(found["scope"])) == [
        "pooled",
        "within",
        "within_end",
        "within_accuracy",
        *(f"conv{i}" for i in range(1, 11)),
    ]


def test_rows_that_are_not_ok_are_excluded_and_reported():
    x, y = noise(0), noise(1)
    cka, ls = index("cka", x), target(y)
    bad = [0, 2, 4, 6, 8]  # conv1, five different pairs
    cka.loc[bad, "value"] = [99.0, np.nan, np.nan, np.nan, np.inf]
    cka.loc[bad, "status"] = ["degenerate", "degenerate", "skipped", "failed", "ok"]
    ls.loc[10, "status"] = "failed"
    row = one(table(cka, ls), "conv1")
    kept = [i for i in range(12) if 2 * i not in (*bad, 10)]
    expected = stats.spearmanr(pairs_of(x)[kept, 0], pairs_of(y)[kept, 0]).statistic
    assert row["value"] == pytest.approx(expected)
    assert row["pairs"] == 6
    assert row["coverage"] == pytest.approx(6 / 11)
    assert "index: 2 degenerate, 1 failed, 1 not finite, 1 skipped of 12 cells" in row["note"]
    assert "target: 1 failed of 12 cells" in row["note"]


def test_a_case_without_numbers_counts_for_every_target():
    ls = target(noise(1)).iloc[2:]
    failed = target(noise(1)).iloc[:1].assign(quantity="accuracy", value=np.nan, status="failed")
    found = table(index("cka", noise(0)), ls, failed)
    assert "target: 1 failed of 12 cells" in one(found, "conv1", target="relative_accuracy")["note"]
    assert "target: 1 failed of 1 cells" in one(found, "conv1", target="agreement")["note"]


def test_other_kinds_and_pairs_of_a_network_with_itself_are_ignored():
    parts = [index("cka", noise(0)), target(noise(1))]
    self_pair = [part.iloc[:1].assign(seed_b="0", value=1e6) for part in parts]
    others = [part.assign(kind="penalty", value=0.0) for part in parts]
    network = target(noise(2), method="").assign(kind="network")
    known = methods(cka=1)
    clean = correlate(pd.concat(parts), known, None, 0).table
    pd.testing.assert_frame_equal(
        clean, correlate(pd.concat([*parts, *self_pair, *others, network]), known, None, 0).table
    )


def test_experiments_are_correlated_apart():
    parts = [index("cka", noise(0)), target(noise(1))]
    others = [part.assign(experiment="other", value=part["value"] ** 3) for part in parts]
    found = correlate(pd.concat([*parts, *others]), methods(cka=1), None, 0).table
    clean = correlate(pd.concat(parts), methods(cka=1), None, 0).table
    pd.testing.assert_frame_equal(found[found["experiment"] == "matching"].reset_index(drop=True), clean)
    assert set(found["experiment"]) == {"matching", "other"}


def test_the_last_step_counts_and_no_step_is_last():
    x, y = noise(0), noise(1)
    clean = table(index("cka", x), target(y))
    early = target(noise(2)).assign(step=0)
    pd.testing.assert_frame_equal(clean, table(index("cka", x), target(y).assign(step=30), early))
    pd.testing.assert_frame_equal(clean, table(index("cka", x), target(y), early))


def test_of_several_settings_the_one_with_most_images_counts():
    x, y = index("cka", noise(0)).assign(samples=500), target(noise(1))
    clean = table(x, y)
    less, other = index("cka", noise(2)).assign(samples=100), index("cka", noise(3)).assign(samples=500, seed=1)
    retried = index("cka", noise(2)).assign(samples=900, value=np.nan, status="failed")
    pd.testing.assert_frame_equal(clean, table(less, x, other, retried, y))
    assert "index: measured on 100 to 500 images" in one(table(less, x.iloc[5:], y))["note"]


def test_a_constant_side_leaves_the_value_empty_and_is_named():
    x, y = noise(0), noise(1)
    x[..., 0], y[..., 1] = 1 - 1e-16 * (noise(2)[..., 0] > 0.5), 0.5
    found = table(index("cka", x), target(y), intervals=True, permutations=5)
    for scope, name in {"conv1": "index constant", "conv2": "target constant"}.items():
        row = one(found, scope)
        assert np.isnan(row[["value", "low", "high", "p_value"]].astype(float)).all()
        assert f"undefined: {name}" in row["note"]
    within = one(found, "within")
    assert "without conv2 (target constant); counts 0 at conv1" in within["note"]
    assert "undefined in every layer" in within["note"] and np.isnan(within["value"])


def test_an_index_that_is_constant_in_a_layer_counts_0_there():
    x, y = noise(0, layers=3), noise(1, layers=3)
    x[..., 1] = 1
    found = table(index("cka", x), target(y), permutations=24)
    row = one(found, "within")
    assert row["value"] == pytest.approx((one(found, "conv1")["value"] + one(found, "conv3")["value"]) / 3)
    assert row["layers"] == 3
    assert "counts 0 at conv2, where the index is constant or undefined" in row["note"]


def test_within_is_the_mean_over_the_layers_where_the_target_varies():
    x, y = noise(0, layers=3), noise(1, layers=3)
    y[..., 1] = 0.5
    row, layers = one(found := table(index("cka", x), target(y)), "within"), ("conv1", "conv3")
    assert row["value"] == pytest.approx(np.mean([one(found, layer)["value"] for layer in layers]))
    assert row["layers"] == 2
    assert "mean of 2 of 3 layers, without conv2 (target constant)" in row["note"]


def test_a_layer_constant_but_for_rounding_does_not_enter_within():
    x, y = noise(0, 6, layers=3), noise(1, 6, layers=3)
    x[..., 1] = 1
    rounded = x.copy()
    rounded[..., 1] -= 2e-16 * (noise(2, 6)[..., 0] > 0.5)
    exactly, nearly = (
        one(table(index("cka", v), target(y), intervals=True, permutations=50), "within") for v in (x, rounded)
    )
    assert np.isfinite(exactly[["low", "high", "p_value"]].astype(float)).all()
    pd.testing.assert_series_equal(exactly, nearly)


def test_a_target_that_hardly_varies_is_called_saturated():
    good = 1 - 0.005 * noise(1)
    found = table(index("cka", noise(0)), target(good), target(0.5 + 0.01 * noise(1), "agreement"))
    assert f"{SATURATED}: 100% of the cells above 0.99" in one(found, target="relative_accuracy")["note"]
    assert f"{SATURATED}: standard deviation 0.00" in one(found, "conv1", target="agreement")["note"]


def test_saturation_is_judged_in_each_scope():
    y = np.array([0.3, 0.5]) + np.array([0.01, 0.4]) * noise(1)
    found = table(index("cka", noise(0)), target(y))
    saturated = {scope for scope in ("pooled", "within", "conv1", "conv2") if SATURATED in one(found, scope)["note"]}
    assert saturated == {"conv1"}
    depth_alone = table(index("cka", noise(0)), target(np.array([0.3, 0.6]) + 0.01 * noise(1)))
    assert SATURATED not in one(depth_alone, "pooled")["note"]
    assert f"{SATURATED}: standard deviation" in one(depth_alone, "within")["note"]


@pytest.mark.parametrize(
    "parts",
    [[], [index("cka", noise(0))], [target(noise(1))], [index("cka", noise(0), dataset="c"), target(noise(1))]],
    ids=["nothing", "indices only", "stitchers only", "different data sets"],
)
def test_nothing_to_correlate_gives_an_empty_table_of_the_same_columns(parts):
    full = table(index("cka", noise(0)), target(noise(1)))
    empty = pd.DataFrame(columns=list(MEASUREMENTS))
    found = correlate(pd.concat(parts) if parts else empty, methods(cka=1)).table
    assert len(found) == 0
    assert list(found.columns) == list(full.columns) == list(CORRELATIONS)
    assert (found.dtypes == full.dtypes).all()


def test_a_target_without_an_ok_value_has_empty_rows():
    found = table(index("cka", noise(0)), target(noise(1)).assign(value=np.nan, status="failed"))
    assert found["value"].isna().all()
    assert (found["coverage"] == 0).all()
    assert "target: 24 failed of 24 cells" in one(found)["note"]


def test_an_index_without_a_direction_is_refused():
    parts = pd.concat([index("cka", noise(0)), target(noise(1))])
    with pytest.raises(InputError, match=r"index 'cka' .* has direction None .* allowed are 1 and -1"):
        correlate(parts, methods(cca=1))
    with pytest.raises(InputError, match="direction 0"):
        correlate(parts, methods(cka=0))


def test_two_values_of_one_cell_in_the_same_setting_are_refused():
    first, second = index("cka", noise(0)), index("cka", noise(2))
    with pytest.raises(InputError, match="index 'cka' has two values of similarity for m-0 -> m-1 at 'conv1'"):
        table(first, second, target(noise(1)))
    pd.testing.assert_frame_equal(table(first, first, target(noise(1))), table(first, target(noise(1))))


def test_a_layer_named_like_a_scope_is_refused():
    with pytest.raises(InputError, match="a layer named 'pooled', which names a scope of"):
        table(index("cka", noise(0)), target(noise(1, layers=1)).assign(layer_a="pooled", layer_b="pooled"))
