"""Wrong relatives of kernel indices and of indices of dissimilarities, each wrong by construction."""

from __future__ import annotations

import torch
from simbench_plugins.indices.cka import CKA
from simbench_plugins.indices.distance_correlation import DistanceCorrelation
from simbench_plugins.indices.rsa import RSA

from simbench import Undefined


class WholeMatrices(RSA):
    """Correlates all n x n dissimilarities: the zeros of both diagonals agree, and every pair counts twice."""

    def prepare(self, rows):
        x = rows.double()
        if self.rdm == "correlation":
            x = x - x.mean(1, keepdim=True)
        if self.rdm in ("correlation", "cosine"):
            x = x / x.norm(dim=1, keepdim=True)
        whole = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").round(decimals=12).flatten()
        if self.rdm != "euclidean":
            whole = whole.square()
        if self.comparison == "spearman":
            _, group, counts = whole.round(decimals=9).unique(return_inverse=True, return_counts=True)
            whole = (counts.cumsum(0) - counts / 2).double()[group]
        whole = whole - whole.mean()
        return whole / whole.norm()


class Clamped(CKA):
    """Debiased CKA that is never below 0."""

    def compare(self, a, b):
        return super().compare(a, b).clamp_min(0)


class Uncentred(DistanceCorrelation):
    """The cosine of distances as they are."""

    def prepare(self, rows):
        x = rows.double()
        whole = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist").flatten()
        if not whole.norm() > 0:
            raise Undefined("has no rows that differ")
        return whole / whole.norm()
