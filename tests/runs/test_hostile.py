"""A run beside a package of twenty hostile plugins gives for the honest ones the bytes of a run without it."""

from __future__ import annotations

import csv
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_package import EXPERIMENTS, FAILING, UNLOADABLE, install
from small_plugins import SmallPlugins

import simbench
from simbench import InputError
from simbench.runs.job import prepare

pytestmark = pytest.mark.usefixtures("undrawn")
HONEST = {"models": "net", "datasets": "blobs", "seeds": 2, "layers": "bn1", "stitchers": "identity,least_squares"}
INDICES = "cka,r2_lr"


@pytest.fixture(scope="module")
def both(tmp_path_factory) -> tuple[simbench.Outcome, simbench.Outcome, simbench.Registry]:
    """Outcomes of the run without the hostile plugins and beside them, and what is installed with them."""
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIMBENCH_CACHE", str(folder / "cache"))
        registry = simbench.load([SmallPlugins()])
        asked = HONEST | {"experiments": "matching"}
        plain = simbench.run(registry=registry, indices=INDICES, results=folder / "plain", **asked)
        patch.syspath_prepend(str(install(folder / "site")))
        registry = simbench.load([SmallPlugins()])
        named = ",".join([*FAILING, INDICES])
        asked["experiments"] = "shows_nothing,matching"
        beside = simbench.run(registry=registry, indices=named, results=folder / "beside", **asked)
    yield plain, beside, registry
    for name in [name for name in sys.modules if name.startswith("hostile_plugins")]:
        del sys.modules[name]


def rows(path: Path) -> list[str]:
    """Lines that name nothing hostile."""
    lines = path.read_text().splitlines()
    hostile = {*FAILING, "shows_nothing"}
    return [line for line in lines if not hostile & set(next(csv.reader([line])))]


def test_there_are_twenty_of_them():
    assert len(UNLOADABLE | FAILING | EXPERIMENTS) == 20


@pytest.mark.parametrize("name", ["measurements", "methods", "correlations"])
def test_the_rows_of_the_honest_are_byte_for_byte_the_same(both, name):
    plain, beside, _ = both
    assert rows(beside.paths[name]) == plain.paths[name].read_text().splitlines()
    assert len(rows(beside.paths[name])) > 2


def test_every_hostile_index_has_failed_rows_of_its_own_with_a_reason(both):
    table = both[1].measurements.query("experiment == 'matching' and kind == 'index'")
    notes = table[table["status"] == "failed"].groupby("method")["note"].unique()
    assert set(notes.index) == set(FAILING) and set(map(len, notes)) == {1}
    told = {name: note for name, (note,) in notes.items()}
    assert told["case_exits"] == "Ended: SystemExit: 0 was raised, which would have ended the program"
    assert told["case_interrupts"].startswith("Ended: KeyboardInterrupt") and told["case_closes"].startswith(
        "Ended: Ge"
    )
    assert told["case_mute"] == "Mute: no message: its __str__ raised SystemExit"
    assert told["case_surrogate"].startswith("ValueError: \\ud800$x^$yyy") and len(told["case_surrogate"]) == 500
    assert told["claims_later"].startswith("its declarations cannot be read any more: Mute")


def test_what_cannot_be_shown_is_said_and_the_run_goes_on(both):
    outcome = both[1]
    assert set(outcome.undrawn) == {"shows_nothing"} and outcome.undrawn["shows_nothing"].startswith("Mute: no message")
    assert list(outcome.untabulated) == ["summary of shows_nothing"] and not outcome.ok
    assert "summary of shows_nothing could not be derived: Ended: KeyboardInterrupt" in str(outcome)
    assert [path.name for path in outcome.figures] == ["matching.png"]


def test_what_cannot_be_loaded_is_named_and_says_why_when_it_is_asked_for(both):
    registry = both[2]
    assert len(registry.broken) == len(UNLOADABLE)
    assert {broken.owner for broken in registry.broken} == {"hostile 6.66"}
    assert all(broken.reason.isprintable() and broken.traceback.encode() for broken in registry.broken)
    with pytest.raises(InputError, match="^index 'direction_zero' of hostile 6.66 cannot be used: .* 1 or -1"):
        registry.get("indices", "direction_zero")


def test_an_experiment_that_nobody_named_is_left_out_and_one_that_was_named_is_refused(both, tmp_path):
    registry = both[2]
    request = simbench.Request(**HONEST, indices=INDICES, results=tmp_path)
    job = prepare(request, registry)
    assert "matching" in {experiment.name for experiment in job.resolved.experiments}
    (note,) = job.notes
    assert note.startswith("experiment aaa_plan_exits is left out, as it cannot be planned: Ended: SystemExit: 0 ")
    with pytest.raises(InputError, match="^experiment aaa_plan_exits cannot be planned: Ended: .*; leave it out of "):
        prepare(replace(request, experiments=("aaa_plan_exits",)), registry)
