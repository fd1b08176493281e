"""Which pairs are trained and which indices are followed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_networks import installed
from small_trajectories import SHORT, get

from simbench import InputError
from simbench.runs.request import Request
from simbench.runs.resolved import resolve


def test_every_pair_is_trained_once_and_every_index_followed_in_every_view(two):
    cases = list(get().plan(two))
    assert [(one.a.seed, one.b.seed) for one in cases if one.kind == "training"] == [("0", "1"), ("1", "0")]
    first = [one for one in cases if one.a.seed == "0"]
    assert [(one.kind, one.method.spec, one.view) for one in first] == [
        ("training", get().stitcher.spec, "spatial"),
        *(("trajectory", index.spec, view) for view in two.views for index in two.indices),
    ]
    assert len({one.key for one in cases}) == len(cases) and len({one.group for one in first}) == 1
    assert {one.a.seed for one in get(f"{SHORT},pairs=1").plan(two)} == {"0"}


def test_what_sees_no_stitch_is_not_followed(two):
    with_depth = replace(two, indices=(*two.indices, *installed().select("indices", ["depth", "random_features"])))
    assert list(get().plan(with_depth)) == list(get().plan(two))


def test_one_network_is_too_few(two):
    with pytest.raises(InputError, match="ask for more with --seeds"):
        list(get("").plan(replace(two, networks=two.networks[:1])))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("pairs=0", "pairs is 0; a whole number from 1 is allowed"),
        ("every=0", "every is 0; a whole number from 1 is allowed"),
        (
            "stitcher=least_squares",
            "stitcher is least_squares, which is not trained; a stitcher trained on the task is wanted, such as "
            "task_loss",
        ),
    ],
)
def test_a_bad_parameter_is_one_clear_line(arguments, reason):
    with pytest.raises(InputError) as caught:
        get(arguments)
    assert str(caught.value) == f"trajectory[{arguments}]: {reason}"


def test_the_presets_name_layers_of_every_model():
    (default,) = resolve(Request(experiments=("trajectory",), models=("tiny10", "resnet20")), installed()).scopes
    assert default.layers == {"tiny10": ("bn3", "bn5"), "resnet20": ("layer2.0",)} and default.experiment.pairs == 10
    (paper,) = resolve(Request(experiments=("trajectory",), preset="paper"), installed()).scopes
    assert paper.layers == {"tiny10[padding=valid]": ("bn3",)} and paper.datasets[0].name == "cifar10"
    assert paper.experiment.stitcher.epochs == 30 and paper.experiment.pairs == 10
