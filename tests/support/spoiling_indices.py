"""Indices that spoil the moments or rows they receive, each in its own way; half of them come first in the order of
names, half last."""

from __future__ import annotations

import random

import numpy as np
import torch
from spoiling import half, leave_settings, reach

from simbench import Claims, Index
from simbench.moments.basis import Basis


class Spoiler(Index):
    source = "made by the tests"

    @property
    def claims(self) -> Claims:
        leave_settings()
        return Claims()


class InPlace(Spoiler):
    name = "aaa_in_place"

    def from_moments(self, m):
        m.ab.zero_()
        m.aa.mul_(5)
        m.bb.fill_(3)
        return half()


class PastTheVersionCounter(Spoiler):
    name = "aab_numpy"

    def from_moments(self, m):
        m.ab.numpy()[:] = 1
        m.a.mean.data.fill_(2)
        return half()


class OfRows(Spoiler):
    name = "aac_rows"

    def from_samples(self, a, b):
        a.zero_()
        return half()


class Reaching(Spoiler):
    name = "aad_reaching"

    def from_moments(self, m):
        m.a.whitened, m.b.principal, m.correlations
        reach(m, set())
        return half()


class Settings(Spoiler):
    """Changes no number that it is handed, and draws its own from the global generators."""

    name = "aae_settings"

    def from_moments(self, m):
        value = torch.rand(()).double() * np.random.rand() * random.random()
        leave_settings()
        return value


class Attributes(Spoiler):
    name = "zza_attributes"

    def from_moments(self, m):
        object.__setattr__(m, "ab", torch.zeros_like(m.ab))
        zero = torch.zeros(m.a.width, 1, dtype=torch.float64)
        m.a.__dict__["whitened"] = Basis(zero[0], zero, zero)
        return half()


class Bases(Spoiler):
    name = "zzb_bases"

    def from_moments(self, m):
        m.a.whitened.whitening.zero_()
        m.b.principal.values.numpy()[:] = 4
        return half()


class Shapes(Spoiler):
    name = "zzc_shapes"

    def from_moments(self, m):
        m.ab.resize_(1, 1)
        m.bb.set_(torch.ones(2, 2, dtype=torch.float64))
        return half()


class OfRowsByNumpy(Spoiler):
    name = "zzd_rows"

    def from_samples(self, a, b):
        b.numpy()[:] = 7
        return half()


class Late(Spoiler):
    """Keeps what it is handed, and writes to it when it is called again."""

    name, kept = "zze_late", []

    def from_moments(self, m):
        for x in self.kept:
            reach(x, set())
        self.kept.append(m)
        m.a.whitened
        return half()


class Outside(Spoiler):
    name = "zzf_outside"

    def from_moments(self, m):
        return torch.tensor(7.0)
