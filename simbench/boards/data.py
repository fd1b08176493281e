"""Data in memory: tensors, arrays, data sets and loaders as the train and test split of a data set."""

from __future__ import annotations

from typing import Any

import numpy as np

from simbench.contracts import Dataset, Split
from simbench.contracts.splits import content
from simbench.contracts.tokens import MASKED
from simbench.data.reading import inputs_and_labels
from simbench.errors import InputError, unknown
from simbench.networks.sampling import draw

#: What labels are.
TASKS = ("auto", "classification", "regression")


class Given(Dataset):
    """Inputs as they are, with or without labels: floats or whole numbers (n, ...); labels (n,) of one class,
    (n, labels) of 0 and 1, numbers (n, outputs) to predict, or None.

    Its name holds a part of the hash of its content, so that results of other data do not mix with its own.
    """

    name = "given"
    source = "given as objects"
    raw = True
    channels = 1
    mean, std = (0.0,), (1.0,)

    def __init__(
        self,
        train: tuple[np.ndarray, np.ndarray | None],
        test: tuple[np.ndarray, np.ndarray | None],
        outputs: int,
        task: str = "auto",
    ) -> None:
        """outputs: of the networks. task: one of TASKS; "auto" takes floats that can be no classes for numbers to
        predict. Raises InputError for labels of unlike kinds, or more than there are outputs."""
        if task not in TASKS:
            raise unknown("task", task, TASKS)
        inputs, labels = zip(train, test, strict=True)
        if (labels[0] is None) != (labels[1] is None):
            raise InputError("data or test has no labels and the other has some; give both with labels or without")
        self.labelled = labels[0] is not None
        self.regression = task == "regression"
        if labels[0] is not None and labels[1] is not None:
            self.regression |= task == "auto" and any(_numbers(y, outputs) for y in labels)
            if self.regression:
                labels = tuple(y[:, None] if y.ndim == 1 else y for y in labels)
            check = _check_numbers if self.regression else _check
            for what, y in (("data", labels[0]), ("test", labels[1])):
                check(what, y, outputs)
            several = labels[0].ndim == 2 and not self.regression
            self.attributes = tuple(map(str, range(outputs))) if several else ()
        kind, shape = (np.float32, (outputs,)) if self.regression else (np.int64, ())
        known = [np.zeros((len(x), *shape)) if y is None else y for x, y in zip(inputs, labels, strict=True)]
        self.classes = outputs
        self._splits = {
            name: Split(x, y.astype(kind)) for name, x, y in zip(("train", "test"), inputs, known, strict=True)
        }
        self.name = f"given-{content(inputs[1])[:6]}"

    @property
    def tokens(self) -> bool:
        """Whether inputs are whole numbers (n, t) of which some are masked."""
        every = [split.inputs for split in self._splits.values()]
        return all(x.ndim == 2 and x.dtype.kind == "i" for x in every) and any(bool((x == MASKED).any()) for x in every)

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


def _numbers(labels: np.ndarray, outputs: int) -> bool:
    """True for floats that are neither classes of so many outputs nor 0 and 1."""
    if labels.dtype.kind != "f":
        return False
    most = outputs - 1 if labels.ndim == 1 else 1
    return bool((labels != np.round(labels)).any() or labels.min() < 0 or labels.max() > most)


def _check_numbers(what: str, labels: np.ndarray, outputs: int) -> None:
    """Raise InputError unless labels are finite numbers (n, outputs)."""
    if labels.ndim != 2 or labels.shape[1] != outputs or labels.dtype.kind not in "fiub":
        raise InputError(
            f"labels of {what} are {labels.dtype} of shape {labels.shape}; numbers (n, {outputs}) are wanted for a "
            f"regression by networks with {outputs} outputs"
        )
    if not np.isfinite(labels).all():
        raise InputError(f"labels of {what} hold NaN or infinite values; finite numbers are wanted")


def collected(data: Any, what: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Inputs and labels of everything that is given, read once and in its order, so that the rows of both networks are
    of the same inputs. Floats are float32. what: the name of the argument in messages."""
    x, y = inputs_and_labels(data, what)
    if y is not None and len(x) != len(y):
        raise InputError(f"{what} has {len(x)} inputs and {len(y)} labels; give one label for each input")
    return x.astype(np.float32, copy=False) if x.dtype.kind == "f" else x, y


def halves(x: np.ndarray, y: np.ndarray | None) -> list[tuple[np.ndarray, np.ndarray | None]]:
    """A train and a test split of equal size, drawn with seed 0. Raises InputError for fewer than 32 inputs."""
    if len(x) < 32:
        raise InputError(f"data holds {len(x)} inputs; at least 32 are needed, or 16 with test=(x, y)")
    chosen = np.zeros(len(x), bool)
    chosen[draw(len(x), len(x) // 2, 0).numpy()] = True
    return [(x[part], None if y is None else y[part]) for part in (chosen, ~chosen)]
