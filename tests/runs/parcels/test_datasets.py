"""Data sets on a worker: their own where it gives the same data there, else a stand-in that says the same."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from small_plugins import Blobs

from simbench import InputError, Split
from simbench.contracts import Dataset, nested, splits
from simbench.data.memory import in_memory
from simbench.runs.parcels import arrays, contents, datasets, sources


def deliver(dataset: Dataset, ref) -> None:
    contents.keep(sources.of_data(ref, dataset, 2**28))


def same(a: Dataset, b: Dataset) -> bool:
    mine, theirs = (splits.both(each) for each in (a, b))
    return all(
        np.array_equal(x, y) and x.dtype == y.dtype and x.strides == y.strides
        for name in mine
        for x, y in zip(vars(mine[name]).values(), vars(theirs[name]).values(), strict=True)
    )


def described(dataset: Dataset) -> list:
    return [getattr(dataset, name) for name in datasets.SAID]


@dataclass(frozen=True)
class InFile(Blobs):
    """Blobs that are there as long as a file is, whose number is added to the images."""

    path: str = ""
    name = "in_file"

    def split(self, name: str) -> Split:
        part = super().split(name)
        return Split(part.inputs + np.uint8(Path(self.path).read_text()), part.labels)

    @property
    def label(self) -> str:
        return f"in_file {Path(self.path).name}"


@pytest.fixture
def in_file(tmp_path) -> InFile:
    (tmp_path / "number").write_text("3")
    return InFile(path=str(tmp_path / "number"))


def test_a_data_set_that_a_worker_can_make_is_not_sent(cache, in_file):
    for dataset in (Blobs(), in_file):
        ref = datasets.reference(dataset, dataset.fingerprint())
        made = datasets.resolved(ref)
        assert type(made) is type(dataset) and same(made, dataset)
    assert not cache.exists()


@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_text("4")], ids=["gone", "other data"])
def test_data_that_a_worker_lacks_are_sent(cache, in_file, change):
    ref = datasets.reference(in_file, in_file.fingerprint())
    pieces = list(sources.of_data(ref, in_file, 5_000))
    labels, inputs = (in_file.split("test").labels, in_file.split("test").inputs)
    said = described(in_file)
    change(Path(in_file.path))
    assert datasets.resolved(ref) is None
    contents.keep(pieces)
    sent = datasets.resolved(ref)
    assert isinstance(sent, InFile) and sent.path == in_file.path and described(sent) == said
    assert np.array_equal(sent.split("test").inputs, inputs) and np.array_equal(sent.split("test").labels, labels)
    assert sent.fingerprint() == ref.fingerprint == Dataset.fingerprint(sent)
    with pytest.raises(InputError, match="split is 'all'; allowed: "):
        sent.split("all")


@dataclass(frozen=True)
class Over(Dataset):
    """Another data set, as it is."""

    of: Dataset = nested(Blobs, kind="datasets")
    name, source = "over", "made by the tests"
    channels, classes, mean, std = 3, 4, (0.3,) * 3, (0.2,) * 3

    def split(self, name: str) -> Split:
        return self.of.split(name)


class Far(Blobs):
    """Blobs that would be downloaded."""

    name = "far"
    asked: ClassVar[list[str]] = []

    @property
    def at_hand(self) -> bool:
        return False

    def prepare(self) -> None:
        self.asked.append("prepared")


def test_data_that_a_worker_would_download_are_sent(cache, registry):
    assert not registry.get("datasets", "cifar10").at_hand and registry.get("datasets", "digits").at_hand
    ref = datasets.reference(Far(), Far().fingerprint())
    assert datasets.resolved(ref) is None and not Far.asked
    deliver(Far(), ref)
    assert same(datasets.resolved(ref), Blobs())


def test_data_in_memory_are_sent_in_their_order_in_memory(cache):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (200, 12, 12, 3), dtype=np.uint8)  # channels last
    held = in_memory((x, rng.integers(0, 4, 200)), label="mine")
    assert held.split("train").inputs.strides[1] == 1
    for dataset in (held, Over(of=held)):
        ref = datasets.reference(dataset, dataset.fingerprint())
        assert not ref.recipe and ref.size > 80_000 > len(ref.stand_in) and datasets.resolved(ref) is None
        deliver(dataset, ref)
        assert same(datasets.resolved(ref), dataset) and described(datasets.resolved(ref)) == described(dataset)


def test_an_array_that_is_damaged_is_asked_for_again(cache, in_file):
    ref = datasets.reference(in_file, in_file.fingerprint())
    listed, parts = arrays.described(in_file, ref.fingerprint)
    deliver(in_file, ref)
    Path(in_file.path).unlink()
    assert arrays.stored(ref.name) is not None
    file = contents.place(parts[0].description["name"])
    file.write_bytes(b"\x00" * file.stat().st_size)
    assert datasets.resolved(ref) is None


def test_data_that_networks_were_trained_on_elsewhere_are_never_sent(cache, in_file):
    ref = datasets.reference(in_file)
    assert ref.name == "" and ref.size == 0
    Path(in_file.path).unlink()
    assert described(datasets.resolved(ref)) == described(in_file)


def test_what_a_data_set_has_computed_stays_at_home(registry, tmp_path):
    """Else a worker would be sent all arrays, or read in folders of the driver."""
    x = np.zeros((40, 1, 64, 64), np.uint8)
    np.savez(tmp_path / "a.npz", x=x, y=np.arange(40) % 2)
    dataset = registry.get("datasets", f"arrays:{tmp_path / 'a.npz'}")
    fingerprint = dataset.fingerprint()
    ref = datasets.reference(dataset, fingerprint)
    assert 0 < len(ref.recipe) < 5_000 and ref.size == x.nbytes + 40 * 8
    assert datasets.resolved(ref).split("test").inputs.shape == (8, 1, 64, 64)


class Local(Blobs):
    """A class whose objects hold what cannot be pickled."""

    name = "local"

    def __reduce_ex__(self, protocol):
        raise TypeError("it holds a connection")


def test_a_data_set_that_cannot_be_pickled_is_sent_as_its_arrays(cache):
    ref = datasets.reference(Local(), Local().fingerprint())
    deliver(Local(), ref)
    assert not ref.recipe and same(datasets.resolved(ref), Local())


def test_a_data_set_whose_class_cannot_travel_is_named(cache):
    class Locked(Blobs):
        name, lock = "locked", threading.Lock()

    with pytest.raises(InputError, match=r"^data set locked cannot be sent to a worker: TypeError: cannot pickle"):
        datasets.reference(Locked())


def test_a_stand_in_says_everything_that_a_data_set_declares():
    declared = set(Dataset.__annotations__) | {name for name, of in vars(Dataset).items() if isinstance(of, property)}
    assert declared - {"kind", "at_hand"} <= set(datasets.SAID)
