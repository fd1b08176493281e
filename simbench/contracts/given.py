"""What a data set gives: a split as its plugin returns it, before its arrays are looked at."""

from __future__ import annotations

from typing import Any

from simbench.errors import InputError
from simbench.system.raised import told


def split_of(dataset: Any, name: str) -> Any:
    """A split, with images and labels of whatever kind. Raises InputError where reading it raises anything, and for
    what has neither."""
    try:
        split = dataset.split(name)
    except InputError:
        raise
    except Exception as error:  # a plugin may raise anything
        raise InputError(f"data set {dataset.label}: {told(error)}, when its {name} split was read") from error
    if not (hasattr(split, "inputs") and hasattr(split, "labels")):
        kind = type(split).__name__
        raise InputError(
            f"data set {dataset.label}: its {name} split is a {kind}; a simbench.Split(images, labels) is wanted"
        )
    return split
