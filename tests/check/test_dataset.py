"""The kit holds data sets to their description, and keeps train and test inputs apart."""

from __future__ import annotations

import numpy as np
import pytest

import simbench
from simbench.check import checks

pytestmark = pytest.mark.any_rounding  # bytes and labels


class Noise(simbench.Dataset):
    """A data set that keeps its contract."""

    name, source = "noise", "made for tests"
    channels, classes, mean, std = 1, 3, (0.5,), (0.3,)
    test_seed = 1

    def split(self, name):
        rng = np.random.default_rng({"train": 0, "test": self.test_seed}[name])
        return simbench.Split(rng.integers(0, 256, (60, 1, 4, 4), dtype=np.uint8), np.arange(60) % 3)


class Leaks(Noise):
    test_seed = 0


class Changes(Noise):
    def split(self, name):
        part = super().split(name)
        return simbench.Split(np.random.default_rng().permutation(part.inputs), part.labels)


class Lacks(Noise):
    def split(self, name):
        part = super().split(name)
        return simbench.Split(part.inputs, part.labels % 2)


class TooMany(Noise):
    classes = 2


class Absent(Noise):
    def prepare(self):
        raise simbench.InputError("noise is not here; download it")


def outcomes(dataset):
    return {check.name: check.run() for check in checks(dataset)}


@pytest.mark.parametrize("dataset", [Noise(), simbench.load().get("datasets", "digits")], ids=lambda each: each.name)
def test_a_data_set_that_keeps_its_contract_passes(dataset):
    found = outcomes(dataset)
    assert {outcome.status for outcome in found.values()} == {"passed"}, found


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"epochs": 0}, "epochs is 0; a whole number from 1"),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"augment": None}, "augment is None; True or False"),
    ],
)
def test_settings_that_train_nothing_are_caught(settings, told):
    found = outcomes(type("Wrong", (Noise,), settings)())
    assert found["contract"].status == "failed" and told in found["contract"].reason


@pytest.mark.parametrize(
    ("rule", "dataset"), [("disjoint", Leaks), ("deterministic", Changes), ("classes", Lacks), ("contract", TooMany)]
)
def test_a_data_set_that_breaks_a_rule_is_caught(rule, dataset):
    found = outcomes(dataset())
    assert found[rule].status == "failed"
    assert rule == "contract" or found["contract"].status == "passed"


def test_a_data_set_that_cannot_be_read_here_is_skipped_with_the_reason():
    found = outcomes(Absent())
    assert {outcome.status for outcome in found.values()} == {"skipped"}
    assert found["disjoint"].reason == "it cannot be read here: noise is not here; download it"
