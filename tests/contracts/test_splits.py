"""What a data set hands out is held to its contract before anything runs; what is taken reaches networks by value."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from small_plugins import Blobs, SmallPlugins

import simbench
from simbench import Dataset, InputError, Split
from simbench.contracts import splits
from simbench.contracts.selection import Setting
from simbench.measuring.activations import Activations
from simbench.networks import weights
from simbench.networks.inputs import augmented, draw, normalised, pixels
from simbench.runs.job import prepare
from simbench.runs.request import Request
from simbench.system.provenance import digest


class Given(Dataset):
    """Six train and four test images (2, 5, 7) of three classes, each thing changed on demand."""

    name, source = "given", "made by this test"
    channels, classes = 2, 3
    mean, std = (0.4, 0.5), (0.2, 0.3)

    def __init__(self, images=lambda x: x, labels=lambda y: y, only=("train", "test"), **said) -> None:
        self.images, self.labels, self.only = images, labels, only
        vars(self).update(said)

    def split(self, name: str) -> Split:
        rng = np.random.default_rng(len(name))
        n = {"train": 6, "test": 4}[name]
        images, labels = rng.integers(0, 256, (n, 2, 5, 7), dtype=np.uint8), np.arange(n) % 3
        if self.attributes:
            labels = rng.integers(0, 2, (n, len(self.attributes)))
        return Split(self.images(images), self.labels(labels)) if name in self.only else Split(images, labels)


def scaled(low: float, high: float, dtype="float64"):
    return lambda x: (low + (high - low) * (x / 255)).astype(dtype)


class Listed:
    """Arrays that are no numpy arrays."""

    def __init__(self, x):
        self.x = x


BOTH = ("train", "test")
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


def refusal(data: Dataset) -> str:
    """The line with which a run is refused, before anything is trained."""

    class Plugins(SmallPlugins):
        @simbench.hookimpl
        def simbench_datasets(self):
            return [data]

    request = Request(models=("net",), datasets=("given",), seeds="2", experiments=("matching",), indices=("cka",))
    with pytest.raises(InputError) as caught:
        prepare(request, simbench.load([Plugins()]))
    with pytest.raises(InputError) as told:
        data.fingerprint()
    assert str(told.value) == str(caught.value) and "\n" not in str(told.value)
    assert str(told.value).startswith("data set given: ")
    return str(told.value)


@pytest.fixture(autouse=True)
def here(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("only", ["train", "test"])
@pytest.mark.parametrize("what", REFUSED)
def test_a_split_that_breaks_the_contract_is_refused_in_one_line(what, only, cache):
    said, message = REFUSED[what]
    everywhere = {"channels", "attributes", "classes"} & said.keys() - {"labels"}
    line = (
        refusal(Given(only=BOTH if everywhere else (only,), **said))
        if "range" not in said
        else refusal(Given(only=BOTH, **said))
    )
    assert re.search(message, line), line
    assert not (cache / "weights").exists()


@pytest.mark.parametrize("what", SAID)
def test_a_data_set_that_says_what_cannot_be_is_refused_in_one_line(what):
    said, message = SAID[what]
    line = refusal(Given(**said))
    assert re.search(message, line), line


def test_splits_of_two_sizes_are_refused():
    assert "train images are (2, 4, 7) and test images (2, 5, 7); one size" in refusal(
        Given(lambda x: x[:, :, :4], only=("train",))
    )


def test_a_data_set_that_remembers_its_fingerprint_is_looked_at_all_the_same(cache):
    class Remembers(Given):
        def fingerprint(self):
            return "f" * 64

    class Plugins(SmallPlugins):
        @simbench.hookimpl
        def simbench_datasets(self):
            return [Remembers(labels=lambda y: y + 0.5)]

    request = Request(models=("net",), datasets=("given",), seeds="2", experiments=("matching",), indices=("cka",))
    with pytest.raises(InputError, match="labels are float64"):
        prepare(request, simbench.load([Plugins()]))


# What is taken

LAYOUTS = {
    "as it is": lambda x: x,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "in Fortran's order": np.asfortranarray,
    "backwards in memory": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "mirrored in memory": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "every other": lambda x: np.repeat(x, 2, 0)[::2],
    "channels last in memory": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1),
}


def read_only(x):
    x.setflags(write=False)
    return x


LAYOUTS["read-only"] = read_only


def seen(data: Dataset) -> torch.Tensor:
    """What a network sees of the test images, by the road of a run."""
    activations = Activations(Setting(data, data.fingerprint(), 100))
    return normalised(activations.inputs("test"), data)


def expected(data: Dataset) -> np.ndarray:
    """The contract's formula, in float64."""
    low, high = data.range or (0, 255)
    x = (np.asarray(data.split("test").inputs, np.float64) - low) / (high - low)
    return (x - np.reshape(data.mean, (-1, 1, 1))) / np.reshape(data.std, (-1, 1, 1))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "said",
    [
        {},
        dict(images=scaled(-3, 5, "float32"), range=(-3, 5)),
        dict(images=scaled(-3, 5, "float64"), range=(-3, 5)),
        dict(images=scaled(0, 2, "float16"), range=(0, 2)),
    ],
    ids=["uint8", "float32", "float64", "float16"],
)
def test_memory_of_any_order_gives_the_same_numbers_and_fingerprint(layout, said):
    made = said.get("images", lambda x: x)
    plain = Given(**said)
    other = Given(
        **said
        | {
            "images": lambda x: LAYOUTS[layout](made(x)),
            "labels": lambda y: y if layout == "channels last in memory" else LAYOUTS[layout](y),
        }
    )
    assert other.fingerprint() == plain.fingerprint()
    assert torch.equal(seen(other), seen(plain))
    assert np.abs(seen(plain).numpy() - expected(plain)).max() < 4 * 2**-24 / min(plain.std)
    for name in BOTH:
        one, same = (splits.read(data, name).labels for data in (plain, other))
        assert np.array_equal(one, same) and same.dtype == np.int64 and same.dtype.isnative
        assert torch.equal(
            draw(splits.read(other, name), 3, 1, other.range)[1], draw(splits.read(plain, name), 3, 1, plain.range)[1]
        )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i2", "int32", ">i4", "uint32", "int64", ">i8", "uint64"])
def test_labels_of_any_whole_numbers_are_the_same_labels(dtype):
    plain, other = Given(), Given(labels=lambda y: y.astype(dtype))
    assert other.fingerprint() == plain.fingerprint()
    assert splits.read(other, "train").labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_floats_of_deviation_5_4_reach_the_network_with_that_deviation():
    """Standardised floats (mean 0, SD 1.25) in (-8, 8): with mean 1/2 and std 1/16 as they are."""

    class Floats(Given):
        channels, range, mean, std = 2, (-8.0, 8.0), (0.5, 0.5), (1 / 16, 1 / 16)

        def split(self, name):
            x = np.random.default_rng(len(name)).normal(size=(90, 2, 8, 8))
            x = 1.25 * (x - x.mean()) / x.std()
            return Split(x.astype(np.float32), np.arange(90) % 3)

    x = seen(Floats()).double()
    assert float(x.std(correction=0)) == pytest.approx(1.25, abs=1e-6) and float(x.mean()) == pytest.approx(0, abs=1e-6)
    assert np.abs(x.numpy() - Floats().split("test").inputs).max() < 16 * 2**-24 * 2


def test_floats_from_0_to_1_are_the_same_images_as_bytes():
    plain, floats = Given(), Given(images=scaled(0, 1), range=(0, 1))
    assert (seen(plain) - seen(floats)).abs().max() <= 4 * 2**-24 / min(plain.std)
    assert plain.fingerprint() != floats.fingerprint()


def test_training_sees_floats_as_it_sees_bytes(small_registry):
    """Cropped and mirrored too: what is beyond the border is black, which is `low`."""

    class Floats(Blobs):
        range = (-2.0, 6.0)

        def split(self, name):
            part = super().split(name)
            return Split((-2 + 8 * (part.inputs / 255)).astype(np.float32), part.labels.astype(">i4"))

    model = small_registry.get("models", "net")
    recipe = simbench.Recipe(epochs=2, batch=32, learning_rate=0.01, augment=True)
    one, two = (weights.train(model, data, recipe, 0) for data in (Blobs(), Floats()))
    with torch.no_grad():
        x = normalised(torch.from_numpy(Blobs().split("test").inputs), Blobs())
        assert (one(x) - two(x)).abs().max() < 1e-4 < one(x).std()


def test_padding_of_floats_is_black():
    white = pixels(np.full((200, 1, 8, 8), 6.0), (-2, 6))
    moved = augmented(white, torch.Generator().manual_seed(0))
    assert moved.dtype == torch.float32 and set(moved.unique().tolist()) == {0.0, 1.0}


def test_another_data_set_s_floats_go_through_a_network_s_own_mean_and_std():
    """The range is the images', the statistics are the network's."""
    home, other = Given(), Given(images=scaled(-3, 5), range=(-3, 5))
    images = Activations(Setting(other, other.fingerprint(), 100)).inputs("test")
    bytes_ = Activations(Setting(home, home.fingerprint(), 100)).inputs("test")
    assert (normalised(images, home) - normalised(bytes_, home)).abs().max() < 4 * 2**-24 / min(home.std)


def test_normalising_leaves_what_it_is_given():
    for images in (torch.rand(2, 2, 3, 3).contiguous(memory_format=torch.channels_last), torch.rand(2, 2, 3, 3)):
        before = images.clone()
        normalised(images, Given())
        assert torch.equal(images, before)


# Fingerprints


def test_the_fingerprint_of_bytes_is_the_one_it_has_always_been():
    part = [Given().split(name) for name in BOTH]
    arrays = [array for each in part for array in (each.inputs, each.labels)]
    assert Given().fingerprint() == digest(
        [[str(array.shape), digest(array.tobytes())] for array in arrays] + [[0.4, 0.5], [0.2, 0.3]]
    )


def test_the_fingerprint_knows_dtype_and_range():
    def as_floats(dtype):
        """The same bytes, read as floats."""
        return lambda x: np.zeros(x.shape, dtype)

    values = [Given(images=lambda x: x * 0).fingerprint()]
    values += [
        Given(images=as_floats(dtype), range=span).fingerprint()
        for dtype in ("float16", "float32", "float64")
        for span in ((0, 1), (0, 2))
    ]
    assert len(set(values)) == len(values)


def test_a_large_array_is_hashed_and_looked_at_a_block_at_a_time(monkeypatch):
    data = Given(images=scaled(0, 1), range=(0, 1))
    whole = data.fingerprint()
    monkeypatch.setattr(splits, "BLOCK", 1000)
    assert data.fingerprint() == whole and len(list(splits.blocks(data.split("train").inputs))) == 6
