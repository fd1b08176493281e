"""Every built-in index and stitcher, in every kind of configuration, passes every check."""

from __future__ import annotations

import pytest

import simbench
from simbench.check import Check, checks
from simbench.grammar import parse

INDICES = [
    "cka",
    "cka[estimator=debiased]",
    "cka[kernel=rbf]",
    "cka[estimator=debiased,kernel=rbf]",
    "r2_lr",
    "r2_lr[centred=false]",
    "cca",
    "cca[mean=rho_squared]",
    "svcca",
    "svcca[variance=0.9]",
    "svcca[variance=1]",
    "pwcca",
    "depth",
    "random",
    "random_features",
    "random_features[index=r2_lr]",
]
STITCHERS = [
    "identity",
    "least_squares",
    "least_squares[bias=false]",
    "procrustes",
    "procrustes[bias=false]",
    "reduced_rank",
    "reduced_rank[rank=1]",
    "reduced_rank[rank=3,bias=false]",
    "lasso",
    "lasso[alpha=0.3]",
    "lasso[alpha=0.0001,bias=false]",
    "permutation",
    "permutation[absolute=true,bias=false]",
    "permutation[scale=true]",
    "permutation[scale=true,absolute=true,bias=false]",
    "semi_matching",
    "semi_matching[absolute=true,bias=false]",
    "semi_matching[scale=true]",
    "semi_matching[mode=soft]",
    "semi_matching[mode=soft,scale=true,absolute=true,bias=false]",
    "task_loss",
    "task_loss[bias=false]",
    "task_loss[labels=hard]",
    "task_loss[init=random]",
    "task_loss[init=identity]",
    "task_loss[init=random,bias=false,labels=hard,epochs=2]",
    "bottleneck",
    "bottleneck[rank=2,init=random,bias=false]",
]
SPECS = {"indices": INDICES, "stitchers": STITCHERS}


#: spec, or the name that several share -> the checks that do not apply to it.
INAPPLICABLE = {
    "cka": set(),
    "cka[estimator=debiased]": {"merge_order", "routes"},
    "cka[kernel=rbf]": {"known_answers", "merge_order", "routes"},
    "cka[estimator=debiased,kernel=rbf]": {"known_answers", "merge_order", "routes"},
    "r2_lr": {"gradient", "routes"},
    "cca": {"gradient", "routes"},
    "svcca": {"gradient", "routes"},
    "svcca[variance=0.9]": {"gradient", "known_answers", "routes"},
    "svcca[variance=1]": {"gradient", "known_answers", "routes"},
    "pwcca": {"gradient", "routes"},
    "identity": {"optimality", "widths"},
    "lasso": {"recovery"},
    "semi_matching[mode=soft]": {"recovery", "optimality"},
    "semi_matching[mode=soft,scale=true,absolute=true,bias=false]": {"recovery", "optimality"},
    "task_loss[init=identity]": {"widths"},
}


def every_check() -> list:
    """(check, status) of every check of every configuration."""
    registry = simbench.load()
    return [
        pytest.param(check, "skipped" if check.name in skipped else "passed", id=f"{spec}-{check.name}")
        for kind, specs in SPECS.items()
        for spec in specs
        for skipped in [INAPPLICABLE.get(spec, INAPPLICABLE.get(parse(spec)[0], set()))]
        for check in checks(registry.get(kind, spec))
    ]


@pytest.mark.parametrize(("check", "status"), every_check())
def test_builtin_conforms(check: Check, status: str):
    """Checks that are skipped are few and known."""
    outcome = check.run()
    assert outcome.status == status, outcome.reason


@pytest.mark.any_rounding
@pytest.mark.parametrize("kind", SPECS)
def test_no_builtin_is_left_out(kind):
    builtin = {name for name, entry in simbench.load().entries[kind].items() if entry.package == "simbench"}
    assert builtin == {parse(spec)[0] for spec in SPECS[kind]}
