"""Costs are learnt from records; where there are none, they are those of the reference on this machine."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest
from small_requests import go

from simbench.runs.job import prepare
from simbench.runs.planning.costs import MACHINE, PASS, Costs, Rate, nearest, rates, reference


def labels(a: str, b: str, layer: str = "bn1", **other) -> dict:
    sides = {"model_a": "net", "seed_a": a, "layer_a": layer, "model_b": "net", "seed_b": b, "layer_b": layer}
    return sides | {"experiment": "matching", "kind": "index", "method": "cka", "view": "flat", "dataset": "d"} | other


def test_what_the_first_cases_take_beyond_the_median_is_shared_by_the_networks_and_layers():
    timings = [(labels(a, b, layer), 0.25) for layer in ("bn1", "bn2") for a, b in permutations("0123", 2)]
    timings[0] = timings[0][0], 4.25
    timings[12] = timings[12][0], 8.25
    found = rates(timings)
    assert found == {(("matching", "index", "cka", "flat"), "net", "d"): Rate(0.25, 12.0 / 8)}


def test_parameters_of_experiments_are_no_kinds_of_their_own_and_models_are():
    found = rates(
        [(labels("0", "1", experiment="x[width=2]"), 1.0), (labels("0", "1", experiment="x", model_b="other"), 2.0)]
    )
    assert {(place[0][0], place[1]): rate.each for place, rate in found.items()} == {("x", "net"): 1, ("x", "other"): 2}


def test_unknown_kinds_cost_what_those_that_agree_most_cost():
    find = nearest(
        {
            ("m", "index", "cka", "flat"): Rate(1.0),
            ("m", "index", "cka", "pooled"): Rate(3.0),
            ("n", "index", "r", ""): Rate(8),
        }
    )
    assert find(("m", "index", "cka", "flat")).each == 1
    assert find(("m", "index", "cka", "spatial")).each == 2  # of both views
    assert find(("other", "index", "cka", "")).each == 2
    assert find(("m", "index", "new", "")).each == 2
    assert find(("other", "index", "new", "")).each == 4
    assert find(("other", "other", "", "")).each == 0


def test_the_reference_has_every_index_and_stitcher_that_is_installed_and_grows_with_the_machine_and_the_pass(
    request_, small_registry
):
    found = reference()
    assert found[MACHINE][0].each > 0 and found[PASS][0].each > 0
    registry = small_registry
    for kind in ("indices", "stitchers"):
        names = {key[2] for key in found if key[1] == kind.removesuffix("s").replace("indice", "index")}
        wanted = {name for name, entry in registry.entries[kind].items() if entry.package == "simbench"}
        assert wanted <= names, wanted - names
    job = prepare(request_, small_registry)
    case = next(case for case in job.parts[0].cases if case.kind == "index")
    usual = Costs(job)(case)
    once, twice = (Costs(job, {"net": 10.0 * k}, k * found[MACHINE][0].each)(case) for k in (1, 2))
    assert twice.each == pytest.approx(2 * once.each) and once.each > usual.each > 0


def test_records_go_before_the_reference_and_correct_what_has_none(request_, small_registry):
    go(replace(request_, indices=("cka",)), small_registry)
    job = prepare(replace(request_, indices=("cka,r2_lr",), force=True), small_registry)
    for record in job.contents.records.values():
        object.__setattr__(record, "seconds", 50.0 if record.labels["kind"] == "index" else 0.5)
    costs = Costs(job)
    cka, r2 = (next(c for c in job.parts[0].cases if c.method and c.method.name == name) for name in ("cka", "r2_lr"))
    assert costs(cka) == Rate(50.0) and costs.known(cka) and not costs.known(r2)
    plain = Costs(prepare(replace(request_, results=request_.results / "empty"), small_registry))
    kinds = [c for c in job.parts[0].cases if c.kind in ("index", "stitcher", "network")]
    ratios = sorted({costs(c).each / plain(c).each for c in kinds if costs.known(c)})
    assert costs(r2).each == pytest.approx(plain(r2).each * ratios[len(ratios) // 2])
