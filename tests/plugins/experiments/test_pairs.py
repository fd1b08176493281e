"""Few pairs share few networks; lists of numbers are read or refused; figures average over nothing but pairs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import permutations

import pandas as pd
import pytest
from simbench_plugins.experiments.pairs import listed, parameter, settings, stitched

from simbench import InputError
from simbench.results.tables import MEASUREMENTS


@pytest.fixture
def five(small):
    """Five networks in place of three."""
    networks = tuple(replace(small.networks[0], seed=str(seed), weights=str(seed)) for seed in range(5))
    return replace(small, networks=networks, layers={"net": ("bn1", "conv2")})


def at(selection, layer: str, most: int) -> list[tuple[str, str]]:
    return [(a.seed, b.seed) for where, a, b in stitched(selection, most, "it") if where == layer]


def test_the_first_pairs_are_a_ring_in_which_every_network_is_front_once_and_end_once(five):
    ring = at(five, "bn1", 5)
    assert ring == [("0", "1"), ("1", "2"), ("2", "3"), ("3", "4"), ("4", "0")]
    for many in (10, 15, 20):
        fronts, ends = zip(*at(five, "bn1", many), strict=True)
        assert set(Counter(fronts).values()) == set(Counter(ends).values()) == {many // 5}


def test_many_pairs_are_all_ordered_pairs_each_once(five):
    assert sorted(at(five, "bn1", 10**6)) == sorted(permutations("01234", 2))


def test_every_layer_has_the_same_number_of_pairs_of_those_that_have_it(five):
    assert [layer for layer, _, _ in stitched(five, 2, "it")] == ["bn1", "bn1", "conv2", "conv2"]


def test_networks_are_paired_at_the_layers_both_were_asked_for(small):
    some = replace(small, layers={"net": ("bn1", "conv2"), "net[width=4]": ("conv2",)})
    found = {
        layer: {(a.name, b.name) for where, a, b in stitched(some, 99, "it") if where == layer}
        for layer in ("bn1", "conv2")
    }
    assert found["bn1"] == {("net-0", "net-1"), ("net-1", "net-0")} and len(found["conv2"]) == 6


@pytest.mark.parametrize("layers", [{"net": ("bn1",)}, {"net": ()}])
def test_no_pair_at_all_is_one_clear_line(five, layers):
    alone = replace(five, networks=five.networks[:1], layers=layers)
    with pytest.raises(InputError, match=r"low_rank stitches pairs of networks .* given 1 network.* --seeds"):
        list(stitched(alone, 2, "low_rank"))


def test_numbers_stand_between_plus_signs():
    assert listed("4+8+16", int, "ranks") == (4, 8, 16)
    assert listed("1e-3+0.5+ 2", float, "l1") == (1e-3, 0.5, 2.0)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", int),
        ("4,8", int),
        ("4+", int),
        ("4+4", int),
        ("0", int),
        ("2.5", int),
        ("-1", float),
        ("nan", float),
        ("inf", float),
        ("1e+3", float),
    ],
)
def test_other_lists_are_one_clear_line(text, kind):
    with pytest.raises(InputError) as caught:
        listed(text, kind, "ranks")
    assert str(caught.value).startswith(f"ranks is {text!r}; allowed: different") and "\n" not in str(caught.value)


def test_a_parameter_is_that_of_the_method_and_not_of_a_plugin_inside_it():
    rows = pd.DataFrame(
        {
            "method": ["lasso", "identity", "other"],
            "params": ["alpha=0.5,bias=true", "", "index=cka[alpha=3],bias=true"],
        }
    )
    assert parameter(rows, "alpha") == [
        0.5,
        pytest.approx(float("nan"), nan_ok=True),
        pytest.approx(float("nan"), nan_ok=True),
    ]


def frame(*rows: dict) -> pd.DataFrame:
    plain = dict.fromkeys(MEASUREMENTS, "") | {
        "dataset": "d",
        "model_a": "net",
        "model_b": "net",
        "samples": 60,
        "seed": 0,
        "seed_a": "0",
        "seed_b": "1",
        "layer_a": "bn1",
    }
    return pd.DataFrame([plain | row for row in rows])


def test_settings_are_told_apart_and_counted_in_order_of_depth():
    rows = frame(
        {"layer_a": "bn10"},
        {"layer_a": "bn2"},
        {"layer_a": "bn2", "seed_b": "2"},
        {"dataset": "e"},
        {"model_b": "wide"},
    )
    titles = [title for title, _ in settings(rows)]
    assert titles == [
        "bn2 of net, d\n2 pairs of networks",
        "bn10 of net, d\n1 pair of networks",
        "bn1 of net -> wide, d\n1 pair of networks",
        "bn1 of net, e\n1 pair of networks",
    ]
    assert [len(part) for _, part in settings(rows)] == [2, 1, 1, 1]


def test_samples_of_one_data_set_are_told_apart():
    titles = [title for title, _ in settings(frame({}, {"samples": 30.0}))]
    assert titles == [
        "bn1 of net, d, 30 images, seed 0\n1 pair of networks",
        "bn1 of net, d, 60 images, seed 0\n1 pair of networks",
    ]
