"""Every index beside its values on permuted images."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from experiment_results import assert_nothing_is_shown, assert_refused
from simbench_plugins.experiments.calibration import Calibration
from small_cases import get
from small_networks import case

from simbench import Case, Pair
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure

SMALL = Calibration(permutations=19)


def measured(small, spec, experiment=SMALL, a=0, b=1, view="spatial", layer="bn1"):
    index = get(spec) if isinstance(spec, str) else spec
    pair = Pair(layer, small.networks[a], small.networks[b])
    return measure(Case.compare(experiment, small.setting, index, pair, view, "calibration"), Workbench(small))


def test_every_index_is_calibrated_on_the_first_pairs_of_every_layer_in_every_view(small):
    chosen = replace(small, indices=(get("cka"), get("r2_lr")), views=("spatial", "pooled"))
    cases = list(SMALL.plan(chosen))
    assert len(cases) == 3 * 2 * 2 * 2  # pairs, layers, indices, views
    assert {one.kind for one in cases} == {"calibration"} and len({one.key for one in cases}) == len(cases)
    assert len({(one.a.name, one.b.name) for one in cases}) == 3


def test_one_network_has_no_pairs(small):
    assert_refused(lambda: list(SMALL.plan(replace(small, networks=small.networks[:1]))), "ask for more with --seeds")


@pytest.mark.parametrize("options", [{"permutations": 0}, {"pairs": 0}])
def test_numbers_below_1_are_refused(options):
    assert_refused(lambda: Calibration(**options), f"{next(iter(options))} is 0")


def test_rows_are_the_value_and_what_chance_gives(small):
    found = {row.quantity: row for row in measured(small, "r2_lr").rows}
    null = Workbench(small).null(get("r2_lr"), case(small, get("r2_lr")), 19)
    assert {name: row.value for name, row in found.items()} == {
        "similarity": null.value,
        "null_similarity": null.mean,
        "p_value": null.p_value,
        "calibrated_similarity": null.calibrated,
    }
    assert null.p_value == 1 / 20 and {row.status for row in found.values()} == {"ok"}


def test_a_value_that_chance_gives_is_calibrated_to_nothing(small):
    found = {row.quantity: row for row in measured(small, "r2_lr", view="flat").rows}
    assert found["p_value"].value == 1
    row = found["calibrated_similarity"]
    assert (row.status, row.value) == ("degenerate", None)
    assert row.note == "permuted images give 1, the most similar value, too"


def test_slow_indices_are_computed_where_they_are_asked_for(small):
    slow = get("cka")
    vars(slow)["slow"] = "it waits"  # an instance of its own
    (row,) = measured(small, slow).rows
    assert (row.quantity, row.status) == ("similarity", "skipped")
    assert row.note == "cka is slow (it waits); calibration[slow=true] computes it"
    assert len(measured(small, slow, replace(SMALL, slow=True)).rows) == 4


@pytest.mark.long
def test_the_command_prints_the_table_draws_and_adds_to_no_board_of_its_own(run_command):
    rows = run_command("calibration[permutations=19]", ("layer", "permuted", "above chance", "largest p"))
    assert set(rows["kind"]) == {"calibration"} and len(rows) == 4 * 5 * 2
    shown = SMALL.summary(rows)
    assert list(shown["index"]) == ["cca", "cka", "pwcca", "r2_lr", "svcca"]
    part = rows[(rows["method"] == "cka") & (rows["quantity"] == "null_similarity")]
    assert shown.set_index("index").at["cka", "permuted"] == pytest.approx(part["value"].mean())
    assert shown["largest p"].max() == rows.loc[rows["quantity"] == "p_value", "value"].max()
    figure = SMALL.figure(rows, [])
    assert [len(panel.lines) for panel in figure.axes] == [10, 5]
    assert_nothing_is_shown(SMALL, rows.assign(status="failed", value=np.nan))
