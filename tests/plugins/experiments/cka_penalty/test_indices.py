"""Any index that a stitch can push is pushed in its own direction; the others are refused in one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from experiment_results import assert_refused
from small_penalties import SHORT, Distance, curve, get, pushes, run

from simbench import InputError
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure


def test_a_distance_is_pushed_up(registry, context):
    """Direction -1: less similar is larger. Taken for a similarity it would be pushed back down."""
    specs = (f"cka_penalty[{SHORT},index=distance[grows={sign}],weight=10]" for sign in (-1, 1))
    up, down = (run(registry.get("experiments", spec), context) for spec in specs)
    rises, falls = (curve(found, "similarity") for found in (up, down))
    assert rises[0] == falls[0] < 1e-3
    assert rises[-1] > 100 * rises[0] and rises[-1] > 100 * falls[-1]


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (
            "r2_lr",
            "index r2_lr is invariant to any invertible stitch, so a stitch cannot push it; use one that is not, "
            "such as cka",
        ),
        ("cca", "index cca is invariant to any invertible stitch"),
        ("svcca[variance=1]", "invariant to any invertible stitch"),
        (
            "svcca",
            "index svcca is not differentiable, so no stitch can be trained against it; use one that is, such as cka",
        ),
        ("pwcca", "index pwcca is not differentiable"),
        ("blind", "index blind is not differentiable"),
        ("nonsense", "index 'nonsense' is unknown"),
    ],
)
def test_an_index_that_cannot_be_pushed_is_refused_in_one_line(registry, index, reason):
    assert_refused(lambda: registry.get("experiments", f"cka_penalty[index={index}]"), reason)


def test_other_indices_that_can_be_pushed_are_pushed_by_some_networks_in_the_selected_views(registry, small):
    indices = registry.select("indices", ["cka,r2_lr,cca,svcca,pwcca,blind,distance,cka[kernel=rbf]"])
    asked = replace(small, indices=indices, views=("spatial", "flat"))
    further = list(pushes(get("networks=1"), asked))[3:]
    assert [(case.method.spec, case.view, case.a.name) for case in further] == [
        (index, view, name)
        for index, view in (
            ("cka", "spatial"),
            ("distance", "spatial"),
            ("distance", "flat"),
            ("cka[kernel=rbf]", "spatial"),
            ("cka[kernel=rbf]", "flat"),
        )
        for name in ("net-0", "net[width=4]-0")
    ]
    assert len(pushes(get("networks=2"), asked)) == 3 + 5 * 3 and len(pushes(get("networks=0"), asked)) == 3
    found = measure(further[0], Workbench(small))
    assert found.rows[-1].quantity == "pushed_to" and found.rows[-1].value < 0.999


class Torn(Distance):
    """Its gradient is NaN where the two sides differ least."""

    name = "torn"

    def from_samples(self, a, b):
        return (a - b).square().mean() * (a * 0).sum().sqrt()


class Picky(Distance):
    """Takes few rows only."""

    name = "picky"

    def from_samples(self, a, b):
        raise InputError(f"picky takes 10 rows; {len(a)} are given")


@pytest.mark.parametrize(
    ("index", "status", "reason"),
    [
        (Torn(), "failed", "ArithmeticError: the gradient of index torn was NaN or infinite by step 1"),
        (Picky(), "skipped", "picky takes 10 rows; 60 are given"),
    ],
)
def test_an_index_that_breaks_down_leaves_one_row_with_the_reason(context, index, status, reason):
    case = next(replace(get(), index=index).plan(context.selection))
    (row,) = measure(case, context).rows
    assert (row.value, row.status, row.note) == (None, status, reason)
