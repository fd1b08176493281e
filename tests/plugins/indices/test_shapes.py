"""Indices of shapes, matched neurons and regressions against slow references, on rows of every kind."""

import warnings

import oracle_shapes as slow
import pytest
from shape_rows import ROWS, rows

from simbench import DegenerateWarning, similarity

FORMS = ("cosine", "angular", "squared", "size_and_shape")
#: spec -> reference
ORACLES = (
    {f"procrustes[form={form}]": lambda a, b, form=form: slow.procrustes(a, b, form) for form in FORMS}
    | {f"permutation_procrustes[form={form}]": lambda a, b, form=form: slow.permutation(a, b, form) for form in FORMS}
    | {f"shape[alpha={alpha}]": lambda a, b, alpha=alpha: slow.shape(a, b, alpha) for alpha in (1, 0.5, 0)}
    | {f"gulp[strength={s}]": lambda a, b, s=s: slow.gulp(a, b, s) for s in (0.01, 1, 0)}
    | {
        "procrustes[centred=false]": lambda a, b: slow.procrustes(a, b, centre=False),
        "permutation_procrustes[centred=false]": lambda a, b: slow.permutation(a, b, centre=False),
        "shape[alpha=0.3,form=euclidean]": lambda a, b: slow.shape(a, b, 0.3, "euclidean"),
        "bures": lambda a, b: slow.procrustes(a, b, "size_and_shape"),  # the root of `slow.bures` has half the digits
        "bures[squared=true]": slow.bures,
        "nbs": slow.nbs,
        "riemannian": slow.riemannian,
        "riemannian[strength=0.1,normalised=false]": lambda a, b: slow.riemannian(a, b, 0.1, False),
        "aligned_cosine": slow.aligned_cosine,
        "aligned_cosine[centred=true]": lambda a, b: slow.aligned_cosine(a, b, True),
        "soft_matching": slow.soft_matching,
        "soft_matching[form=correlation]": lambda a, b: slow.soft_matching(a, b, "correlation"),
        "hard_correlation": slow.hard_correlation,
        "soft_correlation": slow.soft_correlation,
        "max_correlation": slow.max_correlation,
        "hard_correlation[absolute=true]": lambda a, b: slow.hard_correlation(a, b, True),
        "eigenspace_overlap": slow.eigenspace_overlap,
        "eigenspace_overlap[divide=width]": lambda a, b: slow.eigenspace_overlap(a, b, "width"),
    }
)


def value(spec, a, b):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DegenerateWarning)
        return similarity(spec, a, b)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("spec", ORACLES)
def test_index_agrees_with_its_slow_reference(spec, name):
    a, b = rows(name)
    assert value(spec, a, b) == pytest.approx(ORACLES[spec](a, b), rel=1e-9, abs=1e-9)
