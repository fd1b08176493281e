"""A data set is held to its contract before anything runs: what breaks it is refused in one line."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from given_splits import BOTH, Given, scaled
from small_plugins import SmallPlugins

import simbench
from simbench import Dataset, InputError
from simbench.registry.entries import Entry
from simbench.runs.job import prepare
from simbench.runs.request import Request

pytestmark = pytest.mark.usefixtures("here")


class Listed:
    """Arrays that are no numpy arrays."""

    def __init__(self, x):
        self.x = x


#: images, labels, what the data set says -> the line.
REFUSED = {
    "floats without a range": (dict(images=scaled(0, 1)), "images are float64 and no range is stated"),
    "float32 without a range": (dict(images=lambda x: x.astype(np.float32)), "float32 and no range is stated"),
    "standardised floats": (dict(images=lambda x: np.random.default_rng(0).normal(0, 1.25, x.shape)), "no range"),
    "beyond the range": (dict(images=scaled(0, 1.01), range=(0, 1)), r"from .* to 1.0\d*; the range \(0, 1\) is"),
    "below the range": (dict(images=scaled(-0.01, 1), range=(0, 1)), "images hold values from -0.0"),
    "NaN": (dict(images=lambda x: np.where(x == x[-1, 0, 0, 0], np.nan, x / 255), range=(0, 1)), "from nan to nan"),
    "infinite": (dict(images=lambda x: np.where(x == x[0, 0, 0, 0], np.inf, x / 255), range=(0, 1)), "to inf; "),
    "uint8 beyond its range": (dict(range=(0, 16)), r"the range \(0, 16\) is stated"),
    "int16": (dict(images=lambda x: x.astype(np.int16)), "images are int16; uint8 is wanted, or float16"),
    "uint16": (dict(images=lambda x: x.astype(np.uint16), range=(0, 65535)), "images are uint16"),
    "int64": (dict(images=lambda x: x.astype(np.int64), range=(0, 255)), "images are int64"),
    "bool images": (dict(images=lambda x: x > 100, range=(0, 1)), "images are bool"),
    "complex images": (dict(images=lambda x: x * 1j, range=(0, 255)), "images are complex128"),
    "objects": (dict(images=lambda x: x.astype(object), range=(0, 255)), "images are object"),
    "channels last": (
        dict(images=lambda x: x.transpose(0, 2, 3, 1)),
        r"\(n, c, h, w\) with c = 2 is wanted: give "
        r"images.transpose\(0, 3, 1, 2\)",
    ),
    "other channels": (dict(channels=3, mean=(0, 0, 0), std=(1, 1, 1)), r"with c = 3 is wanted$"),
    "no channels": (dict(images=lambda x: x[:, 0]), r"images are \(\d, 5, 7\); \(n, c, h, w\)"),
    "flat images": (dict(images=lambda x: x.reshape(len(x), -1)), r"\(n, c, h, w\) with c = 2"),
    "five axes": (dict(images=lambda x: x[:, None]), r"\(n, c, h, w\) with c = 2"),
    "no images": (dict(images=lambda x: x[:0], labels=lambda y: y[:0]), "one image or more is wanted"),
    "no pixels": (dict(images=lambda x: x[..., :0]), "of one pixel or more"),
    "a torch tensor": (dict(images=torch.from_numpy), "images are torch.Tensor; a numpy array"),
    "a list": (dict(images=lambda x: x.tolist()), "images are builtins.list; a numpy array"),
    "None": (dict(images=lambda x: None), "images are builtins.NoneType"),
    "another class": (dict(images=Listed), "Listed; a numpy array"),
    "masked images": (dict(images=lambda x: np.ma.masked_equal(x, 0)), "MaskedArray; a numpy array without a mask"),
    "labels in a tensor": (dict(labels=torch.from_numpy), "labels are torch.Tensor"),
    "labels in a list": (dict(labels=list), "labels are builtins.list"),
    "masked labels": (dict(labels=lambda y: np.ma.masked_equal(y, 1)), "labels are numpy.ma.*MaskedArray"),
    "fewer labels": (dict(labels=lambda y: y[1:]), r"labels are \(\d,\) for \d images"),
    "a column of labels": (dict(labels=lambda y: y[:, None]), r"labels are \(\d, 1\) for \d images; \(n,\) = "),
    "one-hot labels": (dict(labels=lambda y: np.eye(3, dtype=int)[y]), r"labels are \(\d, 3\)"),
    "float labels": (dict(labels=lambda y: y.astype(float)), "labels are float64; whole numbers"),
    "bool labels": (dict(labels=lambda y: y > 0), "labels are bool; whole numbers"),
    "labels as text": (dict(labels=lambda y: y.astype(str)), "labels are <U21; whole numbers"),
    "labels as objects": (dict(labels=lambda y: y.astype(object)), "labels are object"),
    "a label too high": (dict(labels=lambda y: y + 1), "labels reach from 1 to 3; 0 to 2 are allowed"),
    "a negative label": (dict(labels=lambda y: y - 1), "labels reach from -1 to 1; 0 to 2 are allowed"),
    "a label of 2^63": (dict(labels=lambda y: y.astype(np.uint64) + np.uint64(2**63)), "from 9223372036854775808"),
    "fewer classes": (dict(classes=2), "labels reach from 0 to 2; 0 to 1 are allowed"),
    "attributes of 2": (dict(attributes=("a", "b", "c"), labels=lambda y: y * 2), "0 to 1 are allowed, without"),
    "attributes of -1": (dict(attributes=("a", "b", "c"), labels=lambda y: 2 * y - 1), "reach from -1 to 1"),
    "too few attributes": (dict(attributes=("a", "b", "c"), labels=lambda y: y[:, :2]), r"\(n, attributes\) = "),
    "one attribute flat": (dict(attributes=("a",), classes=1, labels=lambda y: y[:, 0]), r"\(n, attributes\) = "),
}
if np.dtype(np.longdouble).itemsize > 8:  # elsewhere it is float64
    REFUSED["extended precision"] = (
        dict(images=lambda x: x.astype(np.longdouble), range=(0, 255)),
        "images are .*float",
    )
SAID = {
    "attributes and outputs": (dict(attributes=("a", "b")), "classes is 3 for 2 attributes"),
    "no classes": (dict(classes=0), "classes is 0; a whole number from 1"),
    "classes of 3.0": (dict(classes=3.0), "classes is 3.0; a whole number"),
    "channels": (dict(channels=True), "channels is True; a whole number"),
    "a short mean": (dict(mean=(0.5,)), r"mean is \(0.5,\); finite numbers are wanted, one for each of 2 channels"),
    "a long std": (dict(std=(1, 1, 1)), r"std is \(1, 1, 1\); finite numbers"),
    "a mean of NaN": (dict(mean=(0.5, float("nan"))), "mean is"),
    "a mean of text": (dict(mean=("0.5", "0.5")), "mean is"),
    "an std of 0": (dict(std=(0.0, 1.0)), r"std is \(0.0, 1.0\); numbers above 0"),
    "an std below 0": (dict(std=(1.0, -1.0)), "numbers above 0"),
    "an infinite std": (dict(std=(1.0, float("inf"))), "std is"),
    "a range upside down": (dict(images=scaled(0, 1), range=(1, 0)), r"is \(1, 0\); \(low, high\) with low < high"),
    "a range of one value": (dict(images=scaled(0, 1), range=(1, 1)), r"range is \(1, 1\)"),
    "a range without end": (dict(images=scaled(0, 1), range=(0, float("inf"))), r"range is \(0, inf\)"),
    "a range of three": (dict(images=scaled(0, 1), range=(0, 1, 2)), r"range is \(0, 1, 2\)"),
}


REQUEST = Request(models=("net",), datasets=("given",), seeds="2", experiments=("matching",), indices=("cka",))


def refusal(data: Dataset, registry: simbench.Registry) -> str:
    """The line with which a run is refused, before anything is trained."""
    known = registry.entries["datasets"] | {data.name: Entry(data, "in process", "")}
    with pytest.raises(InputError) as caught:
        prepare(REQUEST, replace(registry, entries=registry.entries | {"datasets": known}))
    with pytest.raises(InputError) as told:
        data.fingerprint()
    assert str(told.value) == str(caught.value) and "\n" not in str(told.value)
    assert str(told.value).startswith("data set given: ")
    return str(told.value)


@pytest.mark.parametrize("only", ["train", "test"])
@pytest.mark.parametrize("what", REFUSED)
def test_a_split_that_breaks_the_contract_is_refused_in_one_line(what, only, cache, small_registry):
    said, message = REFUSED[what]
    everywhere = {"channels", "attributes", "classes"} & said.keys() - {"labels"}
    line = refusal(Given(only=BOTH if everywhere or "range" in said else (only,), **said), small_registry)
    assert re.search(message, line), line
    assert not (cache / "weights").exists()


@pytest.mark.parametrize("what", SAID)
def test_a_data_set_that_says_what_cannot_be_is_refused_in_one_line(what, small_registry):
    said, message = SAID[what]
    line = refusal(Given(**said), small_registry)
    assert re.search(message, line), line


@pytest.mark.parametrize(
    "gives, message",
    [
        (lambda self, name: (1, 2), "its train split is a tuple; a simbench.Split"),
        (lambda self, name: None, "its train split is a NoneType; a simbench.Split"),
        (lambda self, name: {}["a\nb"], r"KeyError: 'a\\nb', when its train split was read"),
    ],
)
def test_what_is_no_split_is_refused_in_one_line(gives, message, small_registry):
    line = refusal(type("Else", (Given,), {"split": gives})(), small_registry)
    assert re.search(message, line), line


def test_splits_of_two_sizes_are_refused(small_registry):
    assert "train images are (2, 4, 7) and test images (2, 5, 7); one size" in refusal(
        Given(lambda x: x[:, :, :4], only=("train",)), small_registry
    )


def test_a_data_set_that_remembers_its_fingerprint_is_looked_at_all_the_same(cache):
    class Remembers(Given):
        def fingerprint(self):
            return "f" * 64

    class Plugins(SmallPlugins):
        @simbench.hookimpl
        def simbench_datasets(self):
            return [Remembers(labels=lambda y: y + 0.5)]

    with pytest.raises(InputError, match="labels are float64"):
        prepare(REQUEST, simbench.load([Plugins()]))
