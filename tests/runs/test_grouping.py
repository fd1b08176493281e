"""Cases of an index of states come together, so that a run prepares each network once at every layer."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from counting import Counting, Counts
from small_networks import case
from small_plugins import SmallPlugins
from small_requests import Silent

import simbench
from simbench.measuring.held import Held
from simbench.runs.driver import run
from simbench.runs.grouping import MOST, grouped
from simbench.runs.job import prepare


class Plugins(SmallPlugins):
    @simbench.hookimpl
    def simbench_indices(self):
        return [Counting()]


@pytest.fixture
def registry(cache):
    return simbench.load([Plugins()])


def test_a_run_prepares_every_network_and_layer_once_and_compares_every_pair_once(request_, registry):
    given = {"seeds": "3", "indices": ("counting",), "stitchers": ("identity",), "view": ("pooled,flat",)}
    job = prepare(replace(request_, **given), registry)
    Counts.taken()
    progress = Silent()
    outcome = run(job, registry, progress)
    networks, layers, views = 3, 2, 2
    assert Counts.taken() == (networks * layers * views, 6 * layers * views)
    assert not [row for _, row in outcome.rows if row.status == "failed"]
    assert any("counting on 6 pairs bn1: 6 cases" in line for line in progress.said)


@pytest.mark.long
def test_indices_of_states_come_last_at_their_layer_one_after_the_other(small):
    given = [
        replace(case(small, method, a, b, view=view), experiment=case(small, method).experiment)
        for a in range(3)
        for b in range(3)
        for method in (Counting(), simbench.load().get("indices", "cka"), Counting(spoils="torch"))
        for view in ("pooled", "flat")
    ]
    groups = list(grouped(given))
    assert sorted(map(id, given)) == sorted(id(one) for group in groups for one in group)
    assert [len(group) for group in groups] == [2] * 9 + [9] * 4
    assert all(len({(one.method, one.view) for one in group}) == 1 for group in groups[9:])


@pytest.mark.parametrize("room", [8, 16])
def test_neighbours_on_the_curve_share_networks_so_little_memory_prepares_little_again(small, room):
    """The pairs of 32 networks, with room for a few states: a curve needs a fraction of what rows need."""
    networks = [replace(small.networks[0], weights=f"{k:064x}") for k in range(32)]
    one = case(small, Counting())
    given = [replace(one, a=a, b=b) for a in networks for b in networks if a is not b]
    on_curve = [pair for group in grouped(given) for pair in group]
    assert len(on_curve) == len(given) > MOST

    def prepared(cases) -> int:
        held, count = Held(8 * room), 0
        for pair in cases:
            for content in (pair.a.content, pair.b.content):
                if content in held:
                    held[content]
                    continue
                count += 1
                held.make_room(8)
                held.keep(content, torch.zeros(1, dtype=torch.float64), 1.0)
        return count

    assert prepared(on_curve) < 0.5 * prepared(given)
