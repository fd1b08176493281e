"""Every built-in index and stitcher, in every kind of configuration, passes every check."""

from __future__ import annotations

import pytest
from small_networks import installed

import simbench
from simbench.check import checks
from simbench.grammar import parse

#: Indices of neighbours, regressions and differences of one number -> the checks that do not apply besides `routes` and
#: `merge_order`.
SAMPLED = {
    "jaccard": {"gradient"},
    "jaccard[metric=euclidean]": {"gradient"},
    "mutual_knn": {"gradient"},
    "rank_similarity": {"gradient"},
    "lcs_knn": {"gradient"},
    "lcs_knn[normalised=true]": {"gradient"},
    "edit_knn": {"gradient"},
    "cknna": {"gradient"},
    "cknna[estimator=unbiased]": {"gradient", "identity", "known_answers"},
    "second_order_cosine": {"gradient"},
    "second_order_cosine[vectors=distances]": {"gradient"},
    "ridge": {"gradient"},
    "ridge[score=r2,relative=true]": {"gradient"},
    "pls": {"gradient"},
    "pls[components=2,average=mean]": {"gradient"},
    "pls[folds=5,score=r2,average=mean]": {"gradient"},
    "magnitude": set(),
    "concentricity": set(),
    "uniformity": set(),
    "uniformity[normalised=false,pairs=all]": set(),
    "effective_rank": {"gradient"},
    "effective_rank[of=eigenvalues,centred=true]": {"gradient"},
    "twonn": {"gradient"},
    "twonn[estimator=mle]": {"gradient"},
    "spectrum": {"gradient"},
    "spectrum[distance=total_variation]": {"gradient"},
}
INDICES = [
    "cka",
    "cka[estimator=debiased]",
    "cka[kernel=rbf]",
    "cka[estimator=debiased,kernel=rbf]",
    "cka[kernel=laplacian]",
    "cka[estimator=debiased,kernel=polynomial]",
    "cka[form=angular]",
    "cka[centred=false]",
    "kernel_alignment",
    "hsic",
    "hsic[kernel=linear]",
    "hsic[estimator=unbiased]",
    "rsa",
    "rsa[rdm=euclidean,comparison=pearson]",
    "rsa[rdm=mahalanobis,comparison=cosine]",
    "rsa[rdm=cosine,comparison=kendall,ties=uncorrected]",
    "rsa[rdm=sqeuclidean,comparison=whitened_cosine]",
    "distance_correlation",
    "distance_correlation[estimator=unbiased]",
    "rsm_norm",
    "rsm_norm[rsm=cosine,norm=spectral]",
    "r2_lr",
    "r2_lr[centred=false]",
    "cca",
    "cca[mean=rho2]",
    "cca[ridge=0.1]",
    "svcca",
    "svcca[variance=0.9]",
    "svcca[variance=1]",
    "pwcca",
    "procrustes",
    "procrustes[form=angular]",
    "procrustes[form=squared,centred=false]",
    "procrustes[form=size_and_shape]",
    "shape",
    "shape[alpha=0.5]",
    "shape[alpha=0]",
    "bures",
    "bures[squared=true]",
    "nbs",
    "riemannian",
    "riemannian[normalised=false]",
    "aligned_cosine",
    "aligned_cosine[centred=true]",
    "permutation_procrustes",
    "permutation_procrustes[form=angular,centred=false]",
    "permutation_procrustes[form=size_and_shape]",
    "soft_matching",
    "soft_matching[form=correlation]",
    "hard_correlation",
    "soft_correlation[absolute=true]",
    "max_correlation",
    "gulp",
    "gulp[strength=0,squared=true]",
    "eigenspace_overlap",
    *SAMPLED,
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
    "cka[kernel=rbf]": {"merge_order", "routes"},
    "cka[estimator=debiased,kernel=rbf]": {"merge_order", "routes"},
    "cka[kernel=laplacian]": {"merge_order", "routes"},
    "cka[estimator=debiased,kernel=polynomial]": {"merge_order", "routes"},
    "cka[form=angular]": {"gradient"},
    "kernel_alignment": set(),
    "hsic": {"identity", "merge_order", "routes"},
    "hsic[kernel=linear]": {"identity", "merge_order", "routes"},
    "hsic[estimator=unbiased]": {"identity", "merge_order", "routes"},
    "rsa": {"gradient", "merge_order", "routes"},
    "rsa[rdm=euclidean,comparison=pearson]": {"merge_order", "routes"},
    "rsa[rdm=mahalanobis,comparison=cosine]": {"gradient", "merge_order", "routes"},
    "rsa[rdm=sqeuclidean,comparison=whitened_cosine]": {"merge_order", "routes"},
    "distance_correlation": {"merge_order", "routes"},
    "rsm_norm": {"merge_order", "routes"},
    "rsm_norm[rsm=cosine,norm=spectral]": {"gradient", "merge_order", "routes"},
    "r2_lr": {"gradient", "routes"},
    "cca": {"gradient", "routes"},
    "cca[ridge=0.1]": {"gradient", "routes"},
    "svcca": {"gradient", "routes"},
    "svcca[variance=0.9]": {"gradient", "known_answers", "routes"},
    "svcca[variance=1]": {"gradient", "known_answers", "routes"},
    "pwcca": {"gradient", "routes"},
    "procrustes[form=angular]": {"gradient", "routes"},
    "procrustes[form=size_and_shape]": {"gradient", "routes"},
    "procrustes": {"routes"},
    "shape": {"gradient", "routes"},
    "bures": {"gradient", "routes"},
    "bures[squared=true]": {"routes"},
    "nbs": {"routes"},
    "riemannian": {"gradient", "routes"},
    "aligned_cosine": {"gradient", "merge_order", "routes"},
    "permutation_procrustes[form=angular,centred=false]": {"gradient"},
    "permutation_procrustes[form=size_and_shape]": {"gradient"},
    "soft_matching": {"gradient"},
    "soft_matching[form=correlation]": set(),
    "gulp": {"gradient", "routes"},
    "eigenspace_overlap": {"gradient", "routes"},
    **{spec: {"merge_order", "routes"} | skipped for spec, skipped in SAMPLED.items()},
    "identity": {"optimality", "widths"},
    "lasso": {"recovery"},
    "semi_matching[mode=soft]": {"recovery", "optimality"},
    "semi_matching[mode=soft,scale=true,absolute=true,bias=false]": {"recovery", "optimality"},
    "task_loss[init=identity]": {"widths"},
}


#: Checks that compare nothing, or bits of one processor with each other.
ANY_ROUNDING = {"contract", "bad_input", "inputs_untouched", "states_untouched", "deterministic"}


#: A second each, or near it: tests of the index itself are their quick neighbours.
DEAR = {"pls", "ridge", "soft_matching", "gulp", "edit_knn"}


def module(kind: str, spec: str) -> str:
    """Where a method is written."""
    return type(installed().entries[kind][parse(spec)[0]].plugin).__module__


def configurations() -> list:
    """(kind, spec, whether its checks hold on any rounding). Quick is the first configuration of each module; others,
    which share its code, and dear ones are long."""
    return [
        pytest.param(
            kind,
            spec,
            steady,
            id=f"{kind}-{spec}" + "-any_rounding" * steady,
            marks=[pytest.mark.long] * (spec != first) + [pytest.mark.any_rounding] * steady,
        )
        for kind, specs in SPECS.items()
        for spec in specs
        for first in [
            next((one for one in specs if module(kind, one) == module(kind, spec) and parse(one)[0] not in DEAR), "")
        ]
        for steady in (False, True)
    ]


@pytest.mark.parametrize(("kind", "spec", "steady"), configurations())
def test_builtin_conforms(registry, kind: str, spec: str, steady: bool):
    """Checks that are skipped are few and known."""
    skipped = INAPPLICABLE.get(spec, INAPPLICABLE.get(parse(spec)[0], set()))
    outcomes = {
        check.name: check.run() for check in checks(registry.get(kind, spec)) if (check.name in ANY_ROUNDING) == steady
    }
    unexpected = {
        name: outcome.reason
        for name, outcome in outcomes.items()
        if outcome.status != ("skipped" if name in skipped else "passed")
    }
    assert outcomes and not unexpected


@pytest.mark.any_rounding
@pytest.mark.parametrize("kind", SPECS)
def test_no_builtin_is_left_out(kind):
    builtin = {name for name, entry in simbench.load().entries[kind].items() if entry.package == "simbench"}
    assert builtin == {parse(spec)[0] for spec in SPECS[kind]}
