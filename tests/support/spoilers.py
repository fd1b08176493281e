"""A package of plugins that spoil whatever they receive, each in its own way; half of them come first in the order of
names, half last."""

from __future__ import annotations

import torch
from small_plugins import Blobs
from spoiling import leave_settings, reach
from spoiling_indices import (
    Attributes,
    Bases,
    InPlace,
    Late,
    OfRows,
    OfRowsByNumpy,
    Outside,
    PastTheVersionCounter,
    Reaching,
    Settings,
    Shapes,
)
from torch import nn

import simbench
from simbench import Affine, Experiment, Row, Stitcher
from simbench.contracts import Split
from simbench.contracts.case import Case


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
