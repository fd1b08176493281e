"""A package of plugins that spoil whatever they are handed, each by a road of its own; half of them come first in the
order of names, half last."""

from __future__ import annotations

import os
import random
import warnings

import numpy as np
import torch
from small_plugins import Blobs
from torch import nn

import simbench
from simbench import Affine, Claims, Experiment, Index, Row, Stitcher
from simbench.contracts import Split
from simbench.contracts.case import Case
from simbench.moments.basis import Basis


def half(*_) -> torch.Tensor:
    return torch.tensor(0.5)


def leave_settings() -> None:
    """What a plugin may change for all that runs after it."""
    torch.set_default_dtype(torch.float16)
    torch.set_num_threads(torch.get_num_threads() + 2)
    torch.set_grad_enabled(False)
    torch.inference_mode().__enter__()
    torch.autocast("cpu").__enter__()
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    torch.backends.mkldnn.set_flags(False)
    nn.modules.module.register_module_forward_hook(lambda module, given, output: output * 2)
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    np.seterr(all="raise")
    warnings.simplefilter("ignore")
    os.environ["OMP_NUM_THREADS"] = "7"
    os.chdir("/")
    torch.set_default_device("meta")


def reach(x: object, seen: set[int]) -> None:
    """Zero every tensor that attributes lead to."""
    if id(x) in seen:
        return
    seen.add(id(x))
    if isinstance(x, torch.Tensor):
        x.data.zero_()
    elif isinstance(x, nn.Module):
        reach(list(x.parameters()), seen)
    elif isinstance(x, (list, tuple, dict)):
        for part in x.values() if isinstance(x, dict) else x:
            reach(part, seen)
    elif type(x).__module__.startswith("simbench.") and hasattr(x, "__dict__"):
        for name in dir(x):
            if not name.startswith("__"):
                reach(getattr(x, name, None), seen)


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


class Direct(Stitcher):
    name, source = "aaa_direct", "made by the tests"

    def from_moments(self, m):
        m.a.whitened.loadings.zero_()
        m.ab.neg_()
        leave_settings()
        return Affine(m.ab * 0)


class DirectLast(Direct):
    name = "zzz_direct"


class Trained(Stitcher):
    name, source, objective = "aaa_trained", "made by the tests", "cross_entropy"

    def from_task(self, task, starts=None, on_step=None):
        task.activations.zero_()
        task.own[torch.arange(5)].zero_()
        task.labels.numpy()[:] = 0
        task.logits_b.data.fill_(1)
        task.soft.zero_()
        reach(task, set())
        leave_settings()
        return Affine(torch.zeros(task.moments.ab.shape))


class Ending(Stitcher):
    name, source, objective = "zzz_ending", "made by the tests", "cross_entropy"

    def from_task(self, task, starts=None, on_step=None):
        end = task.end.train().requires_grad_()
        end.register_forward_hook(lambda module, given, output: output * 0)
        with torch.no_grad():
            for weight in end.parameters():
                weight.fill_(0.5)
        end[-1] = nn.Identity()
        return Affine(torch.zeros(task.moments.ab.shape))


class Spoiling(Experiment):
    """Spoils what the context hands out, the case, the selection and the data."""

    name, source = "aaa_spoiling", "made by the tests"

    def plan(self, selection):
        leave_settings()
        a, b = selection.networks[:2]
        for what in ("moments", "flat", "raw", "task", "net", "data", "arrays", "case"):
            for layer in selection.layers[a.model.spec]:
                yield Case(self, selection.setting, what, None, a, layer, b, layer, "spatial")
        object.__setattr__(a, "weights", "0" * 64)
        selection.layers.clear()

    def run(self, case, context):
        leave_settings()
        getattr(self, case.kind)(case, context)
        reach(context, set())
        leave_settings()
        return [Row("accuracy", 0.5)]

    def moments(self, case, context):
        context.moments(case, "test", "spatial").ab.zero_()
        context.moments(case, "train", "spatial").a.whitened.whitening.zero_()

    def flat(self, case, context):
        for x in context.coordinates(case, "test")[:2]:
            x.zero_()

    def raw(self, case, context):
        for x in context.rows(case, "test", "spatial"):
            x.numpy()[:] = 1

    def task(self, case, context):
        reach(context.task(case), set())

    def net(self, case, context):
        reach(context.net(case.a), set())
        context.representation(case.b, case.layer_b, "train").zero_()
        context.outputs(case.b, "test").zero_()

    def data(self, case, context):
        context.inputs("test").zero_()
        context.labels("test").zero_()

    def arrays(self, case, context):
        case.setting.dataset.split("test").inputs[:] = 0

    def case(self, case, context):
        object.__setattr__(case.setting, "limit", 20)
        object.__setattr__(case.a, "weights", case.b.weights)
        case.a.model.__dict__["width"] = 1
        context.moments(case, "test", "spatial")

    def summary(self, rows):
        leave_settings()
        return rows

    def figure(self, rows, kept):
        leave_settings()


class Spoilt(Blobs):
    """A data set that leaves settings behind, of negatives."""

    name = "aaa_blobs"

    def prepare(self):
        leave_settings()

    def split(self, name):
        part = super().split(name)
        leave_settings()
        return Split(255 - part.inputs, part.labels)


class Spoilers:
    """The package."""

    INDICES = (
        InPlace(),
        PastTheVersionCounter(),
        OfRows(),
        Reaching(),
        Settings(),
        Attributes(),
        Bases(),
        Shapes(),
        OfRowsByNumpy(),
        Late(),
        Outside(),
    )
    STITCHERS = (Direct(), DirectLast(), Trained(), Ending())

    @simbench.hookimpl
    def simbench_indices(self):
        leave_settings()
        return list(self.INDICES)

    @simbench.hookimpl
    def simbench_stitchers(self):
        return list(self.STITCHERS)

    @simbench.hookimpl
    def simbench_experiments(self):
        return [Spoiling()]

    @simbench.hookimpl
    def simbench_datasets(self):
        return [Spoilt()]
