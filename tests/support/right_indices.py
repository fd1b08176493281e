"""Indices by their formulas, which keep their contract."""

from __future__ import annotations

from dataclasses import replace

import torch

from simbench import Claims, Index, KnownAnswer, invariant
from simbench.errors import Inapplicable

SIMILAR = invariant("orthogonal", "scaling", "translation")
ALL = invariant("linear", "translation")
CKA = Claims(symmetric=True, invariances_a=SIMILAR, invariances_b=SIMILAR)
CCA = replace(CKA, invariances_a=ALL, invariances_b=ALL)
X = torch.eye(4, dtype=torch.float64)[:, :2]
TRIPLE = KnownAnswer(X, 3 * X, 1.0, "b is a times 3")


def cka(m):
    return m.ab.square().sum() / (m.aa.norm() * m.bb.norm())


def row_cka(a, b):
    a, b = (x.double() - x.double().mean(0) for x in (a, b))
    return (a.mT @ b).square().sum() / ((a.mT @ a).norm() * (b.mT @ b).norm())


def index(by_moments=None, by_rows=None, claims=CKA, answers=(), **attributes) -> Index:
    """An index that computes by the given functions of moments, of rows or of both."""
    body = {"name": "inline", "source": "this test", "claims": claims, "known_answers": lambda self: list(answers)}
    if by_moments:
        body["from_moments"] = lambda self, m: by_moments(m)
    if by_rows:
        body["from_samples"] = lambda self, a, b: by_rows(a, b)
    return type("Inline", (Index,), body | attributes)()


def neighbours(a, b):
    """Mean overlap of the 5 nearest rows: discrete, without gradient."""
    near = [
        torch.cdist(x.double(), x.double()).fill_diagonal_(torch.inf).topk(5, largest=False).indices for x in (a, b)
    ]
    return (near[0][:, :, None] == near[1][:, None, :]).double().sum((1, 2)).mean() / 5


def distance(a, b):
    """||A - B||_F: open above, for equal widths only."""
    if a.shape[1] != b.shape[1]:
        raise Inapplicable("equal widths only")
    return torch.linalg.vector_norm(a.double() - b.double())


DISTANCE = Claims(-1, symmetric=True, range=(0.0, float("inf")), differentiable=True)
RIGHT = {
    "from moments": index(cka, claims=replace(CKA, differentiable=True), answers=[TRIPLE]),
    "from rows": index(by_rows=row_cka, claims=replace(CKA, differentiable=True)),
    "from both": index(cka, row_cka),
    "discrete": index(by_rows=neighbours),
    "distance": index(by_rows=distance, claims=DISTANCE),
}
