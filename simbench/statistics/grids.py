"""Measurements as grids: each index and each stitcher's target as one array over pairs of networks and layers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy import ndarray

from simbench.columns import GROUP, INDEX, SIMILARITY, STITCHER
from simbench.errors import InputError
from simbench.statistics.alone import accuracies, of_pair
from simbench.statistics.digits import significant
from simbench.statistics.targets import target_rows, with_halves

_PLACE = ["seed_a", "layer_a", "seed_b", "layer_b"]
_NAME = ["method", "params", "variable"]
_SETTING = ["split", "samples", "seed"]


@dataclass(frozen=True, eq=False)
class Variable:
    """One index in one view, or one target of one stitcher.

    name: (method, params, view or target). values: (pairs, layers), oriented so that larger is more similar
    or better; NaN unless ok. status: (pairs, layers) text, "" where there is no row. images: (pairs, layers)
    how many the value was measured on. halves: (pairs, layers, splits, 2) of a target, its scores on two halves of the
    images for each of several splits, NaN where they are not known. published: scope -> reliability and ceiling of a
    target, as a table states them; for targets whose halves are not known. control: of an index, that it is there to be
    beaten.
    """

    name: tuple[str, str, str]
    values: ndarray
    status: ndarray
    images: ndarray
    halves: ndarray
    published: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    control: bool = False

    @cached_property
    def ok(self) -> ndarray:
        return self.status == "ok"


@dataclass(frozen=True, eq=False)
class Grid:
    """What one experiment measured with networks of model_a in front of networks of model_b on one data set.

    group: (dataset, experiment, model_a, model_b, panel). pairs: (seed_a, seed_b) in ascending order. layers: in
    natural order. accuracies: (pairs, 2) of the unstitched front and end on the test inputs, NaN where not known.
    """

    group: tuple[str, str, str, str, str]
    pairs: list[tuple[str, str]]
    layers: list[str]
    indices: list[Variable]
    targets: list[Variable]
    accuracies: ndarray

    @property
    def shared(self) -> bool:
        """Are both sides networks of the same model?"""
        return self.group[2] == self.group[3]


def grids(
    measurements: pd.DataFrame,
    methods: pd.DataFrame,
    halves: pd.DataFrame | None = None,
    reliability: pd.DataFrame | None = None,
) -> Iterator[Grid]:
    """A grid for each (dataset, experiment, model_a, model_b, panel), in ascending order, from the rows of kind "index"
    and "stitcher"; rows of other kinds are ignored.

    halves: scores on halves of the test inputs, columns IDENTITY without "step" and `halves`, an array (splits, 2).
    reliability: of targets whose halves are not known, columns as in correlations.csv.

    Rows with a status other than ok, or whose value is not finite, leave their status and no value. Where there
    are several values for a place, that on the most images counts, of these that of the smallest seed, and the
    last step. Raises InputError for an index without a direction in `methods` and for two values in one setting.
    """
    rows = measurements[measurements["kind"].isin([INDEX, STITCHER])]
    rows = rows if "panel" in rows else rows.assign(panel="")  # tables of before there were panels
    rows = rows[(rows["model_a"] != rows["model_b"]) | (rows["seed_a"] != rows["seed_b"])]
    layer = rows["layer_a"].where(rows["layer_a"] == rows["layer_b"], rows["layer_a"] + " -> " + rows["layer_b"])
    rows = rows.assign(layer=layer, value=pd.to_numeric(rows["value"]).astype(float))
    networks, chosen = accuracies(measurements), controls(methods, INDEX)
    targets = with_halves(target_rows(rows), halves)
    indices, targets = (_settled(part) for part in (_index_rows(rows, methods), targets))
    parts = dict(iter(indices.groupby(GROUP)))
    for group, part in targets.groupby(GROUP, sort=True):
        both = pd.concat([parts.get(group, indices[:0]), part])
        pairs = sorted(set(zip(both["seed_a"], both["seed_b"], strict=True)))
        layers = sorted(set(both["layer"]), key=_natural)
        sides = (_variables(side, pairs, layers, chosen) for side in (parts.get(group, indices[:0]), part))
        alone = np.array([of_pair(networks, group, pair) for pair in pairs], dtype=float).reshape(-1, 2)
        xs, ys = next(sides), [_stated(y, group, reliability) for y in next(sides)]
        yield Grid(group, pairs, layers, xs, ys, alone)


def _stated(y: Variable, group: tuple[str, ...], reliability: pd.DataFrame | None) -> Variable:
    """The target with what a table states of its reliability."""
    if reliability is None:
        return y
    wanted = dict(zip([*GROUP, "stitcher", "stitcher_params", "target"], [*group, *y.name], strict=True))
    rows = reliability[np.logical_and.reduce([reliability[name] == value for name, value in wanted.items()])]
    stated = zip(rows["scope"], rows["reliability"], rows["ceiling"], strict=True)
    return replace(y, published={scope: (float(value), float(top)) for scope, value, top in stated})


def controls(methods: pd.DataFrame, kind: str) -> set[tuple[str, str]]:
    """(name, parameters) of the methods of a kind that are controls."""
    flags = methods["control"] if "control" in methods else pd.Series(False, methods.index)
    rows = methods[flags.fillna(False).astype(bool) & (methods["kind"] == kind)]
    return set(rows[["method", "params"]].itertuples(index=False, name=None))


def _index_rows(rows: pd.DataFrame, methods: pd.DataFrame) -> pd.DataFrame:
    rows = rows[(rows["kind"] == INDEX) & rows["quantity"].isin([SIMILARITY, ""])]
    known = methods[methods["kind"] == INDEX]
    directions = pd.to_numeric(known["direction"], errors="coerce")
    direction = {(m, p): d for m, p, d in zip(known["method"], known["params"], directions, strict=True)}
    names = list(zip(rows["method"], rows["params"], strict=True))
    for name in sorted(set(names)):
        if direction.get(name) not in (1, -1):
            raise InputError(
                f"index {name[0]!r} with parameters {name[1]!r} has direction {direction.get(name)} in "
                "methods; allowed are 1 and -1: give the methods table of the same results"
            )
    signs = np.array([direction[name] for name in names], dtype=float)
    # A symmetric index gives two values for a pair that may differ by rounding alone, and they must tie in rank.
    return rows.assign(value=significant(rows["value"].to_numpy() * signs), variable=rows["view"])


def _settled(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per cell: an ok one if there is any, on the most images, of the smallest seed, at the last step."""
    cell = GROUP + _PLACE + _NAME
    rows = rows.drop_duplicates(cell + _SETTING + ["step", "value", "status"])
    step = pd.to_numeric(rows["step"]).astype(float).fillna(np.inf)  # what has no step comes after all steps
    rows = rows.assign(step=step, ok=rows["status"] == "ok")
    rows = rows.sort_values(
        ["ok", "samples", "seed", "split", "step", "status"],
        ascending=[True, True, False, False, True, True],
        kind="stable",
    )
    twice = rows["ok"] & rows.duplicated(cell + _SETTING + ["step", "ok"])
    if twice.any():
        row = rows[twice].sort_values(cell).iloc[0]
        where = f"{row['model_a']}-{row['seed_a']} -> {row['model_b']}-{row['seed_b']} at {row['layer']!r}"
        raise InputError(
            f"{row['kind']} {row['method']!r} has two values of {row['quantity']} for {where} in the same "
            "setting; give the measurements of one results folder"
        )
    return rows.drop_duplicates(cell, keep="last")


def _variables(rows: pd.DataFrame, pairs: list, layers: list, control: set) -> list[Variable]:
    row_of = {pair: i for i, pair in enumerate(pairs)}
    column_of = {layer: i for i, layer in enumerate(layers)}
    variables = []
    for name, part in rows.groupby(_NAME, sort=True):
        values = np.full((len(pairs), len(layers)), np.nan)
        status, images = np.full(values.shape, "", dtype=object), np.zeros(values.shape, dtype=int)
        given = part["halves"] if "halves" in part else [None] * len(part)
        known = next((each for each in given if each is not None), np.empty((0, 2)))
        halves = np.full((*values.shape, *known.shape), np.nan)
        columns = (part[name] for name in ("seed_a", "seed_b", "layer", "value", "status", "samples"))
        for a, b, layer, value, state, samples, half in zip(*columns, given, strict=True):
            cell = row_of[a, b], column_of[layer]
            status[cell] = state if state != "ok" or np.isfinite(value) else "not finite"
            values[cell] = value if status[cell] == "ok" else np.nan
            images[cell] = samples
            if half is not None and half.shape == known.shape:
                halves[cell] = half
        variables.append(Variable(name, values, status, images, halves, control=name[:2] in control))
    return variables


def _natural(text: str) -> list:
    """Sorts layer10 after layer9."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", text)]
