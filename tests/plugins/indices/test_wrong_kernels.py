"""Wrong relatives of kernel indices are found out by the known answers of the right ones."""

import pytest
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.distance_correlation import DistanceCorrelation
from simbench_plugins.indices.rsa import RSA
from wrong_kernels import Clamped, Uncentred, WholeMatrices

from simbench.check.index import RULES
from simbench.check.outcome import Violation

CORRELATED = [(rdm, how) for rdm in ("correlation", "euclidean", "cosine") for how in ("pearson", "spearman")]
PAIRS = [
    *((WholeMatrices, RSA, parameters) for parameters in CORRELATED),
    *((Clamped, CKA, ("debiased", kernel)) for kernel in ("linear", "rbf", "laplacian", "polynomial")),
    (Uncentred, DistanceCorrelation, ()),
    (Uncentred, DistanceCorrelation, ("biased", True)),
]


@pytest.mark.parametrize("wrong, right, parameters", PAIRS, ids=lambda x: getattr(x, "__name__", str(x)))
def test_known_answers_refuse_the_wrong_one_and_not_the_right_one(wrong, right, parameters):
    with pytest.raises(Violation, match="off by .* from the known"):
        RULES["known_answers"](wrong(*parameters))
    assert "come out" in RULES["known_answers"](right(*parameters))


@pytest.mark.parametrize("wrong, right, parameters", PAIRS[::3], ids=lambda x: getattr(x, "__name__", str(x)))
def test_the_wrong_one_keeps_claims_that_are_easy_to_keep(wrong, right, parameters):
    for rule in ("range", "direction", "symmetry", "widths"):
        RULES[rule](wrong(*parameters))
