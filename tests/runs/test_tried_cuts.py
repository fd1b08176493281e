"""Which cuts are tried before a network is trained, and which are not."""

from __future__ import annotations

import faulthandler
import os
import signal
from dataclasses import replace

import pytest
from small_plugins import Net
from small_requests import SMALL
from uncuttable import DeadlyForward, Forked, OtherChannels, OtherOutputs, Renamed

from simbench import InputError, Stitcher
from simbench.runs.cuts import try_cuts
from simbench.runs.plan import plan
from simbench.runs.resolved import resolve


@pytest.fixture
def part(small_registry, cache, tmp_path):
    """part(**options): the cases of a run on untrained networks."""

    def part(**options):
        request = replace(SMALL, results=tmp_path / "none", experiments=("matching",), seeds="2", **options)
        (found,) = plan(resolve(request, small_registry))
        assert found.untrained and found.cases
        return found

    return part


def test_a_layer_that_networks_are_stitched_at_must_be_cut(part):
    with pytest.raises(InputError, match="^model forked cannot be stitched at "):
        try_cuts(part(models=(Forked(),)))


def test_layers_that_indices_alone_read_need_no_cut(part):
    found = part(models=(Forked(),))
    stitched = [case for case in found.cases if isinstance(case.method, Stitcher)]
    rest = tuple(case for case in found.cases if case not in stitched)
    assert stitched and rest
    try_cuts(replace(found, cases=rest))


def test_cases_without_a_layer_need_no_cut(part):
    found = part(models=(Forked(),))
    try_cuts(replace(found, cases=tuple(replace(case, layer_a="", layer_b="") for case in found.cases)))


def test_networks_that_are_trained_are_not_cut_beforehand(part):
    found = part(models=(Forked(),))
    ((experiment, selection),) = found.selections
    networks = tuple(replace(network, weights="0" * 64) for network in selection.networks)
    try_cuts(replace(found, selections=((experiment, replace(selection, networks=networks)),)))


def test_every_model_is_cut_at_its_own_layers_and_fronts_are_not_cut(part):
    found = part(models=(Net(), Renamed()))
    ends = {case.b.model.spec for case in found.cases if isinstance(case.method, Stitcher)}
    assert ends == {Net().spec, Renamed().spec}
    try_cuts(found)
    fronts = tuple(case.a and replace(case, a=replace(case.a, model=Forked()), layer_a="row") for case in found.cases)
    try_cuts(replace(found, cases=tuple(filter(None, fronts))))


@pytest.mark.parametrize(
    "model, message",
    [
        (
            OtherOutputs(),
            r"^the network of model other_outputs gives \(4, 7\) for inputs \(4, 1, 8, 8\) of .*\(4, 3\) is",
        ),
        (
            OtherChannels(),
            r"^the network of model other_channels cannot run on inputs \(4, 1, 8, 8\) of blobs \(RuntimeEr",
        ),
    ],
)
def test_a_network_must_give_outputs_for_the_data_also_where_nothing_is_stitched(part, model, message):
    found = part(models=(model,))
    rest = tuple(case for case in found.cases if not isinstance(case.method, Stitcher))
    with pytest.raises(InputError, match=message):
        try_cuts(replace(found, cases=rest))


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_model_that_kills_the_process_that_cuts_it_is_named_by_the_next(part):
    found = part(models=(DeadlyForward(),))
    child = os.fork()
    if not child:
        faulthandler.disable()
        try_cuts(found)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSEGV
    with pytest.raises(InputError, match=r"^model deadly_forward cannot be cut: that kills its process \(signal 11"):
        try_cuts(found)
