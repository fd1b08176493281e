"""Data in memory: tensors, arrays, data sets and loaders as the train and test split of a data set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from simbench.contracts import Dataset, Split
from simbench.contracts.splits import content
from simbench.errors import InputError
from simbench.networks.sampling import draw

ALLOWED = "give inputs x, a pair (x, y), or a DataLoader or data set of x or (x, y), as tensors or arrays (n, ...)"


class Given(Dataset):
    """Inputs as they are, with or without labels: floats or whole numbers (n, ...); labels (n,) of one class, or
    (n, labels) of 0 and 1, or None.

    Its name holds a part of the hash of its content, so that results of other data do not mix with its own.
    """

    name = "given"
    source = "given as objects"
    raw = True
    channels = 1
    mean, std = (0.0,), (1.0,)

    def __init__(
        self, train: tuple[np.ndarray, np.ndarray | None], test: tuple[np.ndarray, np.ndarray | None], outputs: int
    ) -> None:
        """outputs: of the networks. Raises InputError for labels of unlike kinds, or more than there are outputs."""
        inputs, labels = zip(train, test, strict=True)
        if (labels[0] is None) != (labels[1] is None):
            raise InputError("data or test has no labels and the other has some; give both with labels or without")
        self.labelled = labels[0] is not None
        if labels[0] is not None and labels[1] is not None:
            for what, y in (("data", labels[0]), ("test", labels[1])):
                _check(what, y, outputs)
            self.attributes = tuple(map(str, range(outputs))) if labels[0].ndim == 2 else ()
        known = [np.zeros(len(x), np.int64) if y is None else y for x, y in zip(inputs, labels, strict=True)]
        self.classes = outputs
        self._splits = {
            name: Split(x, y.astype(np.int64)) for name, x, y in zip(("train", "test"), inputs, known, strict=True)
        }
        self.name = f"given-{content(inputs[1])[:6]}"

    def split(self, name: str) -> Split:
        return self._splits[name]


def _check(what: str, labels: np.ndarray, outputs: int) -> None:
    """Raise InputError unless labels are (n,) classes or (n, outputs) of 0 and 1."""
    whole = labels.dtype.kind in "iub" or (labels.dtype.kind == "f" and bool((labels == np.round(labels)).all()))
    if labels.ndim not in (1, 2) or not whole:
        raise InputError(
            f"labels of {what} are {labels.dtype} of shape {labels.shape}; classes (n,) as whole numbers are wanted, "
            "or (n, outputs) of 0 and 1, or no labels"
        )
    most = outputs - 1 if labels.ndim == 1 else 1
    if labels.ndim == 2 and labels.shape[1] != outputs:
        raise InputError(f"labels of {what} are {labels.shape} and the networks have {outputs} outputs; give one each")
    if labels.min() < 0 or labels.max() > most:
        raise InputError(
            f"labels of {what} reach from {labels.min():g} to {labels.max():g}; 0 to {most} are allowed for networks "
            f"with {outputs} outputs"
        )


def collected(data: Any, what: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs and labels of everything that is given, read once and in its order, so that the rows of both networks are
    of the same inputs. what: the name of the argument in messages."""
    if isinstance(data, (Tensor, np.ndarray)):
        return _array(data, what), None
    if isinstance(data, (tuple, list)) and len(data) == 2 and all(isinstance(x, (Tensor, np.ndarray)) for x in data):
        x, y = (_array(part, what) for part in data)
        if len(x) != len(y):
            raise InputError(f"{what} has {len(x)} inputs and {len(y)} labels; give one label for each input")
        return x, y
    one = isinstance(data, torch.utils.data.Dataset) and not isinstance(data, torch.utils.data.IterableDataset)
    if (not isinstance(data, Iterable) and not one) or isinstance(data, (str, Mapping)):
        raise InputError(f"{what} is a {type(data).__name__}; {ALLOWED}")
    parts = [data[at] for at in range(len(data))] if one else list(data)  # type: ignore[index, arg-type]
    return _joined(parts, what, np.stack if one else np.concatenate)


def _joined(parts: list[Any], what: str, join) -> tuple[np.ndarray, np.ndarray | None]:
    """Batches or samples, of x or of (x, y), in one piece."""
    if not parts:
        raise InputError(f"{what} is empty; {ALLOWED}")
    labelled = [isinstance(part, (tuple, list)) and len(part) == 2 for part in parts]
    if all(labelled):
        xs, ys = zip(*parts, strict=True)
        return join([_array(x, what) for x in xs]), join([_array(y, what) for y in ys])
    parts = [part[0] if isinstance(part, (tuple, list)) and len(part) == 1 else part for part in parts]
    return join([_array(part, what) for part in parts]), None


def _array(x: Any, what: str) -> np.ndarray:
    if isinstance(x, Tensor):
        x = x.detach().cpu()
        x = (x.float() if x.dtype in (torch.bfloat16, torch.float16) else x).numpy()
    elif isinstance(x, (int, float, np.generic)):
        x = np.asarray(x)
    if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiub":
        raise InputError(f"{what} holds a {type(x).__name__}; {ALLOWED}")
    return x.astype(np.float32) if x.dtype == np.float64 and x.ndim > 1 else x


def halves(x: np.ndarray, y: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """A train and a test split of equal size, drawn with seed 0. Raises InputError for fewer than 32 inputs."""
    if len(x) < 32:
        raise InputError(f"data holds {len(x)} inputs; at least 32 are needed, or 16 with test=(x, y)")
    chosen = np.zeros(len(x), bool)
    chosen[draw(len(x), len(x) // 2, 0).numpy()] = True
    return [(x[part], None if y is None else y[part]) for part in (chosen, ~chosen)]
