"""Exact p-values: over all renamings of the networks."""

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
