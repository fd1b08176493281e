"""The networks of the published comparison of architectures, and its tables."""

from __future__ import annotations

from pathlib import Path

import architectures
import narrow
import pandas as pd
import pytest
import torch

import simbench

PUBLISHED = Path(__file__).parents[1] / "results" / "architectures-cifar10"
PAIR = architectures.PAIR
TITLES = [title for *_, title in architectures.SHOWN]


@pytest.fixture(scope="module")
def pairs():
    return pd.read_csv(PUBLISHED / "layer_pairs.csv", index_col=PAIR)


@pytest.mark.parametrize(
    ("name", "layer", "channels"),
    [
        ("resnet18", "layer2", 48),
        pytest.param("vgg11_bn", "features.7", 48, marks=pytest.mark.long),
        ("densenet22", "features.transition1", 36),
        ("mobilenet_v2", "features.4", 32),
        ("vit", "encoder.layers.encoder_layer_1", 128),
    ],
)
def test_networks_classify_small_images_and_are_cut_exactly(name, layer, channels):
    torch.manual_seed(0)
    net, images = getattr(narrow, name)(classes=7).eval(), torch.randn(2, 3, 32, 32)
    front, end = simbench.cut(net, layer, images)
    with torch.no_grad():
        middle = front(images)
        assert torch.equal(end(middle), net(images)) and net(images).shape == (2, 7)
    assert channels in middle.shape[1:]


def test_means_follow_from_the_pairs_of_layers(pairs):
    means = pd.read_csv(PUBLISHED / "architectures.csv", index_col=["front", "end"])
    found = pairs[TITLES].groupby(["front", "end"]).mean()
    assert len(means) == 25 and means["pairs"].sum() == len(pairs) == 630
    pd.testing.assert_frame_equal(means[TITLES], found, atol=1e-4, rtol=0)


def test_pairs_of_layers_are_read_from_the_measurements_of_a_run(tmp_path, pairs):
    """Rows of a failed case, and pairs that lack a value, are left out."""
    key, given = pairs.index[0], pairs.iloc[0]
    rows = []
    for kind, method, quantity, title in (*architectures.SHOWN, ("stitcher", "least_squares", *2 * ("kl_divergence",))):
        place = {"model_a": f"x/narrow.py:{key[0]}", "model_b": f"x/narrow.py:{key[3]}[size=32]"}
        place |= dict(zip(("seed_a", "layer_a", "seed_b", "layer_b"), (*key[1:3], *key[4:]), strict=True))
        row = place | {"kind": kind, "method": method, "quantity": quantity, "value": given[title], "status": "ok"}
        rows += [row, row | {"layer_b": "other", "status": "skipped" if method == "cka" else "ok"}]
    pd.DataFrame(rows).to_csv(tmp_path / "measurements.csv")
    found = architectures.layer_pairs(tmp_path / "measurements.csv")
    assert list(found.index) == [key] and found.iloc[0].to_dict() == pytest.approx(given.to_dict())
