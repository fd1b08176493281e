"""A data set in memory, made of what a user hands over."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from simbench.contracts import Dataset, Split
from simbench.data.reading import arrays
from simbench.errors import InputError, unknown
from simbench.system.names import unfit

if TYPE_CHECKING:
    import numpy

#: Share of the inputs that are the test split where none is given, and the seed that draws them.
TESTED, SEED = 0.2, 0
#: What labels may be said to be.
TARGETS = ("classes", "numbers")


class InMemory(Dataset):
    """Labelled inputs in memory; see `in_memory`."""

    name = "data"
    source = "the user's own"

    def __init__(self, label: str, splits: dict[str, Split], described: dict[str, Any]) -> None:
        self._label, self._splits = label, splits
        vars(self).update(described)

    @property
    def label(self) -> str:
        return self._label

    @property
    def identity(self) -> dict[str, Any]:
        """By content: two data sets in memory have no other name."""
        return super().identity | {"content": self.fingerprint()}

    def split(self, name: str) -> Split:
        return self._splits[name]

    def fingerprint(self) -> str:
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return super().fingerprint()


def in_memory(
    train: Any,
    test: Any = None,
    *,
    label: str = "data",
    classes: int | None = None,
    vocabulary: int | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    targets: str | None = None,
) -> InMemory:
    """A data set of what is given for both splits, each read once: all networks see the same rows in the same order.

    train, test: (inputs, labels) as arrays or tensors, a dict of tensors (`input_ids`, `attention_mask`, `labels`), or
        a DataLoader or Dataset of either. Without test, a fifth of the inputs, drawn with seed 0, is the test split.
        Images are (n, c, h, w), (n, h, w, c) or (n, h, w); whole numbers (n, t) are token ids.
    classes, vocabulary: number of outputs and of token ids; by default one more than the largest there is.
    targets: what labels are, "classes", or "numbers" (n,) or (n, outputs) to predict; by default, floats that are not
        whole are numbers.
    mean, std: per channel, of images scaled to [0, 1]. By default networks see the values as they are: uint8 images
        divided by 255, and floats unchanged.
    Raises InputError for data that cannot be read so.
    """
    if unfit(label):
        raise InputError(f"the label of the data {unfit(label)}; give another one with label=")
    if targets not in (None, *TARGETS):
        raise unknown("targets", targets, TARGETS)
    x, y = arrays(train, f"{label} (train)")
    if len(x) != len(y):
        raise InputError(f"{label} has {len(x)} inputs and {len(y)} labels; one label for each input is wanted")
    parts = {"train": (x, y), "test": arrays(test, f"{label} (test)")} if test is not None else _divided(x, y)
    numbers = targets == "numbers" or (targets is None and any(map(_fractions, (y for _, y in parts.values()))))
    parts = {name: (_shaped(x, label), _numbers(y) if numbers else _labels(y)) for name, (x, y) in parts.items()}
    described = _tokens(parts, vocabulary) if x.ndim == 2 and x.dtype.kind in "iu" else _images(parts, mean, std)
    labels = [y for _, y in parts.values()]
    if numbers:
        described |= {"classes": labels[0].shape[1], "regression": True}
    elif labels[0].ndim == 2:
        described |= {
            "classes": labels[0].shape[1],
            "attributes": tuple(f"label {i}" for i in range(labels[0].shape[1])),
        }
    else:
        most = max(int(y.max(initial=0)) for y in labels)
        described["classes"] = classes or max(2, most + 1)
    splits = {name: Split(described["stored"](x), y) for name, (x, y) in parts.items()}
    described.pop("stored")
    return InMemory(label, splits, described)


def _divided(x: numpy.ndarray, y: numpy.ndarray) -> dict[str, tuple[numpy.ndarray, numpy.ndarray]]:
    import numpy as np

    if len(x) < 2:
        raise InputError(f"the data holds {len(x)} inputs; two or more are wanted, for a train and a test split")
    order = np.random.default_rng(SEED).permutation(len(x))
    tested = max(1, round(TESTED * len(x)))
    test, train = np.sort(order[:tested]), np.sort(order[tested:])
    return {"train": (x[train], y[train]), "test": (x[test], y[test])}


def _shaped(x: numpy.ndarray, label: str) -> numpy.ndarray:
    """Images as (n, c, h, w), and ids as they are."""
    if x.ndim == 3:
        return x[:, None]
    if x.ndim == 4 and x.shape[-1] in (1, 3) and x.shape[1] not in (1, 3):
        return x.transpose(0, 3, 1, 2)
    if x.ndim == 4 or (x.ndim == 2 and x.dtype.kind in "iu"):
        return x
    raise InputError(
        f"{label} has inputs {x.shape} of {x.dtype}; images (n, c, h, w), (n, h, w, c) or (n, h, w), or token ids "
        "(n, t) are wanted"
    )


def _labels(y: numpy.ndarray) -> numpy.ndarray:
    """Labels (n,) or (n, outputs); a column (n, 1) is (n,), and truth values are 0 and 1."""
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    return y.astype("int64") if y.dtype.kind == "b" or (y.dtype.kind == "f" and not _fractions(y)) else y


def _fractions(y: numpy.ndarray) -> bool:
    """True for floats that are not whole, and so no classes."""
    return y.dtype.kind == "f" and not bool((y == y.round()).all())


def _numbers(y: numpy.ndarray) -> numpy.ndarray:
    """Numbers (n, outputs) to predict."""
    return (y[:, None] if y.ndim == 1 else y).astype("float32")


def _tokens(parts: dict, vocabulary: int | None) -> dict[str, Any]:
    size = vocabulary or max(int(x.max(initial=0)) for x, _ in parts.values()) + 1
    return {"channels": size, "vocabulary": size, "mean": (), "std": (), "stored": lambda x: x.astype("int64")}


def _images(parts: dict, mean: tuple[float, ...] | None, std: tuple[float, ...] | None) -> dict[str, Any]:
    """What a data set says of images. Floats beyond [0, 1] are taken for normalised ones (`as_given`)."""
    import numpy as np

    channels = next(iter(parts.values()))[0].shape[1]
    if (mean is None) != (std is None):
        raise InputError("one of mean and std is given; give both, per channel")
    kinds = {x.dtype for x, _ in parts.values()}
    if kinds == {np.dtype("uint8")}:
        zero, one, span, stored = 0.0, 1.0, None, None
    else:
        if np.dtype("uint8") in kinds:
            types = " and ".join(sorted(map(str, kinds)))
            raise InputError(
                f"train and test images are {types}; one type is wanted, with the same meaning of its values"
            )
        low = min(float(x.min()) for x, _ in parts.values())
        high = max(float(x.max()) for x, _ in parts.values())
        unit = low >= 0 and high <= 1
        low, high = (0.0, 1.0) if unit or not low < high else (low, high)
        span, zero, one = (low, high), -low / (high - low), 1 / (high - low)
        stored = next((x.dtype for x, _ in parts.values() if x.dtype.kind == "f"), np.dtype("float32"))
    return {
        "channels": channels,
        "range": span,
        "as_given": bool(span and span != (0.0, 1.0)),
        "mean": mean or (zero,) * channels,
        "std": std or (one,) * channels,
        "stored": lambda x: x if stored is None else x.astype(stored, copy=False),
    }
