"""Exact p-values and intervals over networks, where enough of them are there."""

import itertools

import numpy as np
import pytest
from scipy import stats
from small_correlations import one
from small_tables import index, noise, table, target


def brute_force_p(x: dict, y: dict, names_a: list, names_b: list | None, layers: list, scope: str) -> float:
    """Twice the smaller tail over all renamings of the networks of x; x, y: (a, b, layer) -> value."""

    def statistic(name_a, name_b):
        values = []
        for chosen in [layers] if scope == "pooled" else [[layer] for layer in layers]:
            both = [
                (x[name_a[a], name_b[b], layer], value)
                for (a, b, layer), value in y.items()
                if layer in chosen and (name_a[a], name_b[b], layer) in x
            ]
            values.append(stats.spearmanr(*zip(*both, strict=True)).statistic)
        return np.mean(values)

    renamings = [
        (dict(zip(names_a, to_a, strict=True)), dict(zip(names_b or names_a, to_b, strict=True)))
        for to_a in itertools.permutations(names_a)
        for to_b in (itertools.permutations(names_b) if names_b else [to_a])
    ]
    values = np.array([statistic(*renaming) for renaming in renamings])
    observed = values[0]  # the identity comes first
    return min(1, 2 * min((values <= observed + 1e-9).mean(), (values >= observed - 1e-9).mean()))


@pytest.mark.parametrize("scope", ["pooled", "within"])
@pytest.mark.parametrize("missing", [False, True])
def test_exact_p_value_is_that_of_all_renamings_of_4_networks(scope, missing):
    parts = [index("cka", noise(0)), target(noise(0) + noise(1))]
    if missing:
        parts[1] = parts[1].drop(index=3)
    x, y = (
        {
            (a, b, layer): value
            for a, b, layer, value in zip(part["seed_a"], part["seed_b"], part["layer_a"], part["value"], strict=True)
        }
        for part in parts
    )
    x = {key: value for key, value in x.items() if key in y}
    expected = brute_force_p(x, y, list("0123"), None, ["conv1", "conv2"], scope)
    assert one(table(*parts, permutations=24), scope)["p_value"] == pytest.approx(expected)


def test_exact_p_value_of_two_models_renames_each_of_them():
    x, y = noise(2)[:3, :3], noise(3)[:3, :3]
    x, y = x[:, :2], y[:, :2] + x[:, :2]
    found = table(index("cka", x, model_b="n"), target(y, model_b="n"), permutations=12)
    x, y = ({(str(a), str(b), layer): value for (a, b, layer), value in np.ndenumerate(v)} for v in (x, y))
    for scope in ("pooled", "within"):
        expected = brute_force_p(x, y, list("012"), list("01"), [0, 1], scope)
        assert one(found, scope)["p_value"] == pytest.approx(expected)
    assert set(found["networks"]) == {2}
    assert set(found["pairs"]) == {6}


def test_a_strong_association_is_significant():
    x = noise(0, networks=5)
    found = table(index("cka", x), target(x + 0.1 * noise(1, networks=5)), permutations=120)
    assert one(found, "within")["p_value"] < 0.05
    assert one(found, "within", "pearson")["p_value"] < 0.05


def test_intervals_are_empty_below_6_networks():
    for networks, empty in ((5, True), (6, False)):
        found = table(index("cka", noise(0, networks)), target(noise(1, networks)), resamples=100)
        drawn = found[found["statistic"] != "kendall"]
        assert (drawn["networks"] == networks).all()
        assert drawn["low"].isna().all() if empty else (drawn["low"] < drawn["high"]).all()
        assert drawn["note"].str.contains("no interval: 5 networks, 6 are needed").all() == empty


def test_undefined_resamples_are_dropped_and_told():
    ring = np.array([[(a - b) % 6 == 1 for b in range(6)] for a in range(6)])  # 6 pairs of 6 networks
    parts = [index("cka", noise(0, 6)), target(noise(1, 6))]
    parts = [part[ring[part["seed_a"].astype(int), part["seed_b"].astype(int)]] for part in parts]
    row = one(table(*parts, resamples=300))
    assert row["pairs"] == 6
    assert "of the resamples undefined" in row["note"]
    assert -1 <= row["low"] < row["high"] <= 1


def test_no_correlation_of_2_networks():
    found = table(index("cka", noise(0, 2)), target(noise(1, 2)), resamples=10, permutations=10)
    assert found[["value", "low", "high", "p_value"]].isna().all(axis=None)
    assert one(found)["note"] == "undefined: 2 pairs of networks, 3 are needed"
    assert one(found, "within")["note"] == "undefined in every layer"
