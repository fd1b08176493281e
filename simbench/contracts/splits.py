"""The splits of a data set, checked against the contract before a network sees them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from simbench.contracts import given, raw, tokens
from simbench.errors import InputError

if TYPE_CHECKING:
    import numpy

SPLITS = ("train", "test")
#: Bytes of an array that are checked, or hashed, at a time.
BLOCK = 2**24


@dataclass(frozen=True, eq=False)
class Split:
    """One split of a data set: numpy arrays of any memory order, read-only arrays and memory maps included.

    inputs: (n, c, h, w) uint8, or floats where the data set states their range; or token ids (n, t), with -1 at masked
    positions, where it states a vocabulary. labels: (n,) whole numbers below the number of classes, or (n, attributes)
    of 0 and 1, read as int64; or finite numbers (n, outputs), as float32.
    """

    inputs: numpy.ndarray
    labels: numpy.ndarray


class Described(Protocol):
    """The part of a data set that describes its splits and returns them (see `simbench.Dataset`)."""

    @property
    def label(self) -> str: ...

    channels: int
    classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    range: tuple[float, float] | None
    attributes: tuple[str, ...]
    raw: bool
    regression: bool
    vocabulary: int | None

    def split(self, name: str) -> Split: ...


def both(dataset: Described) -> dict[str, Split]:
    """Both splits as `read` returns them. Raises InputError where they or their description break the contract."""
    parts = {name: read(dataset, name) for name in SPLITS}
    shapes = {name: part.inputs.shape[1:] for name, part in parts.items()}
    if shapes["train"] != shapes["test"]:
        told = f"train images are {shapes['train']} and test images {shapes['test']}"
        raise _refusal(dataset, f"{told}; one size (c, h, w) is wanted")
    return parts


def read(dataset: Described, name: str) -> Split:
    """A split with labels as int64 and unchanged images. Raises InputError where it breaks the contract."""
    _statistics(dataset)
    split = given.split_of(dataset, name)
    images = _array(dataset, f"{name} images", split.inputs)
    labels = _array(dataset, f"{name} labels", split.labels)
    _images(dataset, name, images)
    return Split(images, _labels(dataset, name, labels, len(images)))


def _array(dataset: Described, what: str, value: object) -> numpy.ndarray:
    import numpy as np

    if isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray):
        return value
    kind = f"{type(value).__module__}.{type(value).__name__}"
    raise _refusal(dataset, f"{what} are {kind}; a numpy array without a mask is wanted")


def _statistics(dataset: Described) -> None:
    """Check the numbers of channels and classes, mean, std and range."""
    for what, least in (("channels", 1), ("classes", 1)):
        value: Any = getattr(dataset, what, None)
        if isinstance(value, bool) or not hasattr(value, "__index__") or value < least:
            raise _refusal(dataset, f"{what} is {value!r}; a whole number from {least} is wanted")
    if len(dataset.attributes) not in (0, dataset.classes):
        stated = f"classes is {dataset.classes} for {len(dataset.attributes)} attributes"
        raise _refusal(dataset, f"{stated}; one output for each attribute is wanted")
    if dataset.raw or dataset.vocabulary is not None:
        return
    for what in ("mean", "std"):
        values = tuple(getattr(dataset, what, ()))
        if len(values) != dataset.channels or not all(map(_finite, values)):
            raise _refusal(
                dataset, f"{what} is {values}; finite numbers are wanted, one for each of {dataset.channels} channels"
            )
    if min(dataset.std) <= 0:
        raise _refusal(dataset, f"std is {tuple(dataset.std)}; numbers above 0 are wanted")
    if dataset.range is not None:
        given = tuple(dataset.range)
        if len(given) != 2 or not all(map(_finite, given)) or not given[0] < given[1]:
            raise _refusal(dataset, f"range is {given}; (low, high) with low < high, both finite, is wanted")


def _images(dataset: Described, name: str, images: numpy.ndarray) -> None:
    import numpy as np

    if dataset.raw or dataset.vocabulary is not None:
        wrong = raw.problem(images) if dataset.raw else tokens.problem(images, dataset.vocabulary or 0)
        if wrong:
            raise _refusal(dataset, f"{name} {wrong}")
        return
    if images.ndim != 4 or images.shape[1] != dataset.channels:
        last = images.ndim == 4 and images.shape[-1] == dataset.channels
        raise _refusal(
            dataset,
            f"{name} images are {images.shape}; (n, c, h, w) with c = {dataset.channels} is wanted"
            + (": give images.transpose(0, 3, 1, 2)" if last else ""),
        )
    if 0 in images.shape:
        raise _refusal(dataset, f"{name} images are {images.shape}; one image or more is wanted, of one pixel or more")
    if images.dtype == np.uint8 and whole(dataset.range):
        return
    if images.dtype != np.uint8 and (images.dtype.kind != "f" or images.dtype.itemsize > 8):
        raise _refusal(
            dataset,
            f"{name} images are {images.dtype}; uint8 is wanted, or float16, float32 or float64 with their range",
        )
    if dataset.range is None:
        raise _refusal(
            dataset,
            f"{name} images are {images.dtype} and no range is stated; give the data set "
            "`range = (low, high)`, the values that mean 0 and 1, or return uint8 images",
        )
    low, high = np.array(dataset.range, images.dtype if images.dtype.kind == "f" else float)
    for block in blocks(images):
        least, most = block.min(), block.max()  # NaN spreads
        if not (low <= least <= most <= high and math.isfinite(least) and math.isfinite(most)):
            raise _refusal(
                dataset,
                f"{name} images hold values from {least:g} to {most:g}; the range "
                f"{tuple(dataset.range)} is stated, and finite values in it are allowed",
            )


def whole(span: tuple[float, float] | None) -> bool:
    """Whether the range of a data set is that of uint8."""
    return span is None or tuple(span) == (0, 255)


def _labels(dataset: Described, name: str, labels: numpy.ndarray, n: int) -> numpy.ndarray:
    """The labels as contiguous int64, or float32 of a regression."""
    import numpy as np

    shape = (n, dataset.classes) if dataset.attributes or dataset.regression else (n,)
    if labels.shape != shape:
        expected = "(n,)" if len(shape) == 1 else "(n, attributes)" if dataset.attributes else "(n, outputs)"
        raise _refusal(dataset, f"{name} labels are {labels.shape} for {n} images; {expected} = {shape} is wanted")
    if dataset.regression:
        if labels.dtype.kind in "fiu" and np.isfinite(labels).all():
            return np.ascontiguousarray(labels, np.float32)
        raise _refusal(dataset, f"{name} labels are {labels.dtype}; finite numbers are wanted")
    if labels.dtype.kind not in "iu":
        raise _refusal(dataset, f"{name} labels are {labels.dtype}; whole numbers, such as int64, are wanted")
    outputs = 2 if dataset.attributes else dataset.classes
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= outputs:
        more = ", without or with the attribute" if dataset.attributes else ""
        raise _refusal(dataset, f"{name} labels reach from {least} to {most}; 0 to {outputs - 1} are allowed{more}")
    return np.ascontiguousarray(labels, np.int64)


def content(array: numpy.ndarray, most: int = BLOCK) -> str:
    """sha256 of an array's bytes in the order of its axes, little-endian, at most so many bytes at a time."""
    import numpy as np

    sha = hashlib.sha256()
    for block in blocks(array, most):
        sha.update(np.ascontiguousarray(block, block.dtype.newbyteorder("<")).data)
    return sha.hexdigest()


def blocks(array: numpy.ndarray, most: int = BLOCK) -> Iterator[numpy.ndarray]:
    """The rows of an array, at most so many bytes at a time, and at least one row."""
    rows = max(1, most * len(array) // max(1, array.nbytes))
    return (array[start : start + rows] for start in range(0, len(array), rows))


def _finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except TypeError:
        return False


def _refusal(dataset: Described, problem: str) -> InputError:
    return InputError(f"data set {dataset.label}: {problem}")
