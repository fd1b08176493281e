"""Deferred fields: fields of a frozen dataclass that are computed on first use."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from torch import Tensor

from simbench.errors import InputError


class Deferred:
    """A tensor field that may be given as None: the result of `make(self)` takes its place when it is first read.

    `make` must be a function of the other fields alone, so that the value does not depend on when it is read.
    """

    def __init__(self, make: Callable[[Any], Tensor]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Tensor:
        if instance is None:
            raise AttributeError(self._name)  # dataclass then takes the field for one without a default
        value: Tensor | None = instance.__dict__[self._name]
        if value is None:
            value = instance.__dict__[self._name] = self._make(instance)
        return value

    def __set__(self, instance: object, value: Tensor | None) -> None:
        instance.__dict__[self._name] = value


def product(x: Tensor | None, y: Tensor | None) -> Tensor:
    """x^T y of rows x (n, p), y (n, q) in float64; Raises InputError where the product exceeds the memory of the
    machine, and where rows are missing."""
    if x is None or y is None:
        raise InputError("neither a matrix nor rows to compute it from are given")
    p, q = x.shape[1], y.shape[1]
    if p * q * x.itemsize > os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") and x.device.type == "cpu":
        raise InputError(
            f"moments of {p} neurons with {q} take {p * q * x.itemsize / 1e9:.0f} GB, more than the "
            "machine has; give rows of fewer neurons (view='pooled'), or an index that does not need "
            "this product"
        )
    return x.mT @ y
