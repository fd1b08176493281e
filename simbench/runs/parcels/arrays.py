"""The arrays of a data set: how the driver describes and reads them, and how a worker opens what it was sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simbench.contracts import Dataset, Split
from simbench.contracts.splits import SPLITS, blocks
from simbench.errors import InputError
from simbench.runs.parcels import contents
from simbench.system.seals import sealed, unsealed
from simbench.system.surroundings import abroad

if TYPE_CHECKING:
    import numpy

#: What the manifest says of an array.
KEYS = {"name", "dtype", "shape", "order"}


@dataclass(frozen=True)
class Array:
    """An array of a split as a content. lying: its axes in the order in which they lie in memory, on which the last
    bits of a network may rest. description: name of the content, dtype, shape and the order of axes."""

    lying: numpy.ndarray
    description: Mapping[str, Any]

    @classmethod
    def of(cls, array: numpy.ndarray) -> Array:
        order = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        lying, sha = array.transpose(order), hashlib.sha256()
        for block in blocks(lying):
            sha.update(_bytes(block))
        description = {"name": sha.hexdigest(), "dtype": array.dtype.str, "shape": list(array.shape), "order": order}
        return cls(lying, description)

    def read(self, most: int) -> Iterator[bytes]:
        """Its bytes, about `most` at a time."""
        yield from map(_bytes, blocks(self.lying, most))


def _bytes(block: numpy.ndarray) -> bytes:
    return block.tobytes()


def described(dataset: Dataset, fingerprint: str) -> tuple[str, list[Array]]:
    """The manifest of a data set, a sealed text, and its arrays."""
    with abroad():
        splits = {name: dataset.split(name) for name in SPLITS}
    parts = {name: [Array.of(part.inputs), Array.of(part.labels)] for name, part in splits.items()}
    description = {name: [array.description for array in part] for name, part in parts.items()}
    return sealed({"fingerprint": fingerprint, "splits": description}), [
        array for part in parts.values() for array in part
    ]


@dataclass(frozen=True)
class Stored:
    """The splits of a data set in files of the cache, opened when they are asked for."""

    splits: Mapping[str, Any]

    def __call__(self, name: str) -> Split:
        if name not in self.splits:
            raise InputError(f"split is {name!r}; allowed: {', '.join(self.splits)}")
        return Split(*map(_opened, self.splits[name]))


def _opened(description: Mapping[str, Any]) -> numpy.ndarray:
    """A private memory map of an array."""
    import numpy as np

    order = description["order"]
    shape = tuple(description["shape"][axis] for axis in order)
    if 0 in shape:
        return np.empty(description["shape"], description["dtype"])
    lying = np.memmap(contents.place(description["name"]), np.dtype(description["dtype"]), "c", shape=shape)
    return np.asarray(lying).transpose(np.argsort(order))


def stored(name: str) -> Callable[[str], Split] | None:
    """The splits of a data set, by the name of its manifest, where this cache holds all of its arrays undamaged."""
    known = unsealed(contents.place(name))
    if known is None:
        return None
    arrays = [description for part in known["splits"].values() for description in part]
    there = all(
        description.keys() == KEYS and (0 in description["shape"] or contents.held(description["name"]))
        for description in arrays
    )
    return Stored(known["splits"]) if there else None
