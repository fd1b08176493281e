"""The checks of a data set: its splits, and that a network is not tested on what it was trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from simbench.check.contract import described
from simbench.check.outcome import Check, Skip, require
from simbench.contracts import Dataset
from simbench.contracts.splits import SPLITS, Split, both, content
from simbench.errors import InputError

#: Largest share of the test inputs that may be among the train inputs; published data sets hold a few duplicates.
SHARED = 0.01


def splits(dataset: Dataset) -> dict[str, Split]:
    """Both splits, checked against the contract; Skip where they cannot be read here."""
    try:
        dataset.prepare()
    except InputError as error:
        raise Skip(f"it cannot be read here: {error}") from None
    return both(dataset)


def contract(dataset: Dataset) -> str:
    """Name, source, version, parameters, settings of training, and splits that fit the description."""
    described(dataset)
    epochs, augment = dataset.epochs, dataset.augment
    require(type(epochs) is int and epochs > 0, f"epochs is {epochs!r}; a whole number from 1 is needed to train")
    require(type(augment) is bool, f"augment is {augment!r}; True or False is needed")
    parts = splits(dataset)
    return ", ".join(f"{name} {' x '.join(map(str, parts[name].inputs.shape))}" for name in SPLITS)


def classes(dataset: Dataset) -> str:
    """Every class occurs in the train split, and every attribute with both of its values."""
    labels = splits(dataset)["train"].labels
    if dataset.attributes:
        single = [name for name, column in zip(dataset.attributes, labels.T, strict=True) if len(set(column)) < 2]
        require(not single, f"one value only in the train split: {', '.join(single)}")
        return f"{len(dataset.attributes)} attributes"
    missing = sorted(set(range(dataset.classes)) - set(labels.tolist()))
    require(not missing, f"no train input of class {', '.join(map(str, missing))}")
    return f"{dataset.classes} classes"


def deterministic(dataset: Dataset) -> str:
    """A split is the same whenever it is read."""
    first, second = ({name: _content(part) for name, part in splits(dataset).items()} for _ in range(2))
    changed = [name for name in SPLITS if first[name] != second[name]]
    require(not changed, f"read twice, it differs: {', '.join(changed)}")
    return "read twice"


def disjoint(dataset: Dataset) -> str:
    """Test inputs are not among the train inputs."""
    parts = splits(dataset)
    train, test = ([_hash(x) for x in parts[name].inputs] for name in SPLITS)
    known = set(train)
    shared = sum(x in known for x in test)
    require(
        shared <= SHARED * len(test), f"{shared} of {len(test)} test inputs are among the train inputs, to the last bit"
    )
    return f"{shared} of {len(test)} test inputs are among the train inputs"


def _hash(x: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(x).data).digest()


def _content(part: Split) -> tuple[str, str]:
    return content(part.inputs), content(part.labels)


RULES: dict[str, Callable[[Dataset], str]] = {
    "contract": contract,
    "classes": classes,
    "deterministic": deterministic,
    "disjoint": disjoint,
}


def dataset_checks(dataset: Dataset) -> Iterator[Check]:
    """Every check of a configured data set."""
    for name, rule in RULES.items():
        yield Check(name, partial(rule, dataset))
