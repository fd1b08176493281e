"""From a request to cases: each once, those that share forward passes next to each other."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

import pytest

from simbench import Case, Experiment
from simbench.errors import InputError
from simbench.networks import weights
from simbench.runs.placeholders import UNTRAINED
from simbench.runs.plan import plan
from simbench.runs.request import Request
from simbench.runs.resolved import resolve

SMALL = Request(
    models=("net",),
    datasets=("blobs",),
    seeds="3",
    experiments=("matching",),
    indices=("cka,r2_lr",),
    stitchers=("identity,procrustes",),
    layers=("bn1,relu1,conv2",),
)


class Scattered(Experiment):
    """Plans the same case twice and hops between pairs."""

    name, source = "scattered", "made by the tests"

    def plan(self, selection):
        networks = selection.networks
        for _ in range(2):
            for index in selection.indices:
                for a, b in ((0, 1), (1, 0), (0, 1)):
                    yield Case(
                        self, selection.setting, "index", index, networks[a], "bn1", networks[b], "bn1", "spatial"
                    )


def test_every_pair_layer_and_method_is_one_case(small_registry, cache):
    (part,) = plan(resolve(SMALL, small_registry))
    assert len(part.cases) == 3 + 6 * 3 * (2 + 2)
    assert len({(case.name, case.kind) for case in part.cases}) == len(part.cases)


def pairs(registry, **options):
    (part,) = plan(resolve(replace(SMALL, **options), registry))
    return {(case.a.seed, case.b.seed) for case in part.cases if case.a != case.b}


def test_a_design_that_is_asked_for_decides_the_pairs(small_registry, cache):
    asked = pairs(small_registry, seeds="6", pairs="balanced:2")
    assert len(asked) == 12 and asked < pairs(small_registry, seeds="6", pairs="all")
    with pytest.raises(InputError, match="--pairs is balanced:3, and there are 3 networks"):
        pairs(small_registry, pairs="balanced:3")


@pytest.mark.long
def test_the_design_of_a_preset_is_all_pairs_of_few_networks(small_registry, cache):
    assert len(pairs(small_registry, seeds="6")) == 24
    assert len(pairs(small_registry, seeds="5")) == 20 and len(pairs(small_registry)) == 6


def places(part):
    return [(case.a.name, case.b.name, case.layer_a, case.layer_b) for case in part.cases]


def test_cases_of_one_group_stand_next_to_each_other_in_order_of_depth(small_registry, cache):
    (part,) = plan(resolve(replace(SMALL, view=("spatial,pooled",)), small_registry))
    runs = [place for place, _ in groupby(places(part))]
    assert len(runs) == len(set(runs)) == 3 + 6 * 3
    assert [layer for layer, _ in groupby(place[2] for place in runs)] == ["", "bn1", "relu1", "conv2"]


def test_experiments_are_interleaved_in_order_of_depth(small_registry, cache):
    """cka_penalty, first by name, stands at its layer, where the activations it needs are held."""
    (part,) = plan(resolve(replace(SMALL, experiments=("cka_penalty,matching",)), small_registry))
    layers = [case.layer_a for case in part.cases]
    assert [layer for layer, _ in groupby(layers)] == ["", "bn1", "relu1", "conv2"]
    assert {case.layer_a for case in part.cases if case.kind == "penalty"} == {"relu1"}


def test_an_experiment_that_hops_is_put_in_order_and_asked_each_case_once(small_registry, cache):
    resolved = resolve(SMALL, small_registry)
    (part,) = plan(replace(resolved, scopes=(replace(resolved.scopes[0], experiment=Scattered()),)))
    runs = [place[:2] for place, _ in groupby(places(part))]
    assert runs == [("net-0", "net-1"), ("net-1", "net-0")] and len(part.cases) == 4


def test_networks_that_are_not_trained_are_stood_in_for_and_nothing_is_trained(small_registry, cache, monkeypatch):
    monkeypatch.setattr(weights, "train", None)
    (part,) = plan(resolve(SMALL, small_registry))
    assert [network.name for network in part.untrained] == ["net-0", "net-1", "net-2"]
    assert all(network.weights == UNTRAINED for network in part.untrained) and not (cache / "weights").exists()


def test_a_trained_network_is_taken_from_the_cache(small_registry, cache):
    model, dataset = small_registry.get("models", "net"), small_registry.get("datasets", "blobs")
    network = weights.trained(model, dataset, dataset.fingerprint(), 1)
    (part,) = plan(resolve(SMALL, small_registry))
    assert [other.name for other in part.untrained] == ["net-0", "net-2"] and network in part.selection.networks


def test_a_part_for_each_data_set(small_registry, cache):
    parts = plan(resolve(replace(SMALL, datasets=("blobs,digits",), seeds="2"), small_registry))
    assert [part.selection.setting.dataset.name for part in parts] == ["blobs", "digits"]
    assert len(parts[0].cases) == len(parts[1].cases)


def test_experiments_on_the_same_networks_make_one_part_and_on_others_another(small_registry, cache):
    request = replace(SMALL, experiments=("matching,cka_penalty",))
    scopes = resolve(request, small_registry).scopes
    assert len(plan(replace(resolve(request, small_registry), scopes=scopes))) == 1
    fewer = (scopes[0], replace(scopes[1], seeds=(0,)))
    parts = plan(replace(resolve(request, small_registry), scopes=fewer))
    assert [len(part.selection.networks) for part in parts] == [3, 1]
    other = (scopes[0], replace(scopes[1], limit=20))
    assert len(plan(replace(resolve(request, small_registry), scopes=other))) == 2, "other images, other part"


def test_two_checkpoints_of_one_name_or_of_one_content_are_refused(small_registry, cache, tmp_path):
    import torch

    model = small_registry.get("models", "net")
    for name in ("a.pt", "b.pt", "deep/a.pt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        torch.manual_seed(name.count("/"))
        torch.save(model.build(1, 3).state_dict(), tmp_path / name)

    def planned(*names):
        request = replace(SMALL, seeds=None, weights=(",".join(str(tmp_path / name) for name in names),))
        return plan(resolve(request, small_registry))

    assert [network.name for network in planned("b.pt", "deep/a.pt")[0].selection.networks] == ["net-b", "net-a"]
    with pytest.raises(InputError, match="two checkpoints are named 'a' .*rename one"):
        planned("a.pt", "deep/a.pt")
    with pytest.raises(InputError, match="hold the same weights; give each network once"):
        planned("a.pt", "b.pt")
