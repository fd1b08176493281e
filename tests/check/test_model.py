"""The kit holds models to exact cuts, seeded weights and outputs that stay apart."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn

import simbench
from simbench.check import checks


class Plain(simbench.Model):
    """A model that keeps its contract."""

    name, source, layers = "plain", "made for tests", ("conv", "relu")

    def build(self, channels, classes):
        return nn.Sequential(
            OrderedDict(
                conv=nn.Conv2d(channels, 4, 3),
                relu=self.after(),
                norm=nn.BatchNorm2d(4),
                pool=nn.AdaptiveAvgPool2d(1),
                flat=nn.Flatten(),
                fc=nn.Linear(4, classes),
            )
        )

    def after(self):
        return nn.ReLU()


class Drops(nn.Module):
    """Other outputs at every call."""

    def forward(self, x):
        return nn.functional.dropout(x, 0.5, True)


class Centres(nn.Module):
    """Outputs that depend on the other images of a batch."""

    def forward(self, x):
        return x - x.mean(0)


class Counts(nn.Module):
    """An output that depends on how often it was called."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x + self.calls


class Unseeded(Plain):
    def build(self, channels, classes):
        net = super().build(channels, classes)
        net.conv.weight.data.normal_(generator=torch.Generator().manual_seed(torch.seed() % 2**31))
        return net


class Fixed(Plain):
    def build(self, channels, classes):
        net = super().build(channels, classes)
        for parameter in net.parameters():
            nn.init.constant_(parameter, 0.1)
        return net


class Misnamed(Plain):
    layers = ("conv", "rellu")


class Unknown(Plain):
    default_layers = ("fc",)


class Whole(Plain):
    def build(self, channels, classes):
        class Net(nn.Module):
            def __init__(self, parts):
                super().__init__()
                self.parts = parts

            def forward(self, x):
                return self.parts(x)

        return Net(super().build(channels, classes))


class OneClassMore(Plain):
    def build(self, channels, classes):
        return super().build(channels, classes + 1)


class Grey(Plain):
    def build(self, channels, classes):
        return super().build(3, classes)


def after(kind):
    return type(kind.__name__, (Plain,), {"after": lambda self: kind()})


WRONG = {
    "cut": [after(Drops), after(Counts)],
    "one_by_one": [after(Centres), after(Drops), after(Counts)],
    "seeds": [Unseeded, Fixed],
    "layers": [Misnamed],
    "contract": [Unknown],
    "outputs": [OneClassMore, Grey],
}


def outcomes(model):
    return {check.name: check.run() for check in checks(model)}


def test_a_model_that_keeps_its_contract_passes():
    found = outcomes(Plain())
    assert {name: outcome.status for name, outcome in found.items()} == dict.fromkeys(found, "passed"), found


@pytest.mark.parametrize(("rule", "model"), [(rule, model) for rule, models in WRONG.items() for model in models])
def test_a_model_that_breaks_a_rule_is_caught(rule, model):
    outcome = outcomes(model())[rule]
    assert outcome.status == "failed" and "\n" not in outcome.reason


def test_a_network_that_is_no_sequence_is_refused_with_the_reason():
    assert "a Net cannot be cut" in outcomes(Whole())["cut"].reason


@pytest.mark.parametrize("spec", ["tiny10", "tiny10[batch_norm=false]", "resnet20[width=0.25]"])
def test_a_built_in_model_passes(spec):
    found = outcomes(simbench.load().get("models", spec))
    assert {outcome.status for outcome in found.values()} == {"passed"}, found
