"""Configurations and views of one method, told apart by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from simbench.columns import INDEX
from simbench.results.text import specs


def called(frame: pd.DataFrame, methods: pd.DataFrame) -> pd.DataFrame:
    """Measurements or comparisons whose methods are named by their specs, such as `cka[kernel=rbf]`, and indices of
    several views by spec and view, such as `cka (pooled)`; columns of parameters are empty.

    methods: of methods.csv.
    """
    sides = [["method", "params", "view"]]
    if "index_a" in frame:
        sides = [[f"index_{side}", f"index_{side}_params", f"view_{side}"] for side in "ab"]
    indices = frame["kind"] == INDEX if "kind" in frame else pd.Series(True, frame.index)
    rows = [list(frame[side].itertuples(index=False, name=None)) for side in sides]
    views = Counter(key[:2] for key in {key for side in rows for key, one in zip(side, indices, strict=True) if one})
    names = specs(methods)

    def name(key: tuple[str, str, str], index: bool) -> str:
        spec = names.get(key[:2]) or (f"{key[0]}[{key[1]}]" if key[1] else key[0])
        return f"{spec} ({key[2]})" if index and views[key[:2]] > 1 else spec

    for (method, params, _), keys in zip(sides, rows, strict=True):
        frame = frame.assign(**{method: list(map(name, keys, indices)), params: ""})
    return frame


def one(rows: pd.DataFrame, name: str, apart: Sequence[str] = ("params", "view")) -> pd.DataFrame:
    """The rows of a method. ValueError where they are of several parameters or views."""
    rows = rows[rows["method"] == name]
    keys = rows[list(apart)].drop_duplicates().agg(" ".join, axis=1)
    if len(keys) > 1:
        raise ValueError(f"{name!r} stands for several ({'; '.join(keys)}); give the rows of one, or those of `called`")
    return rows


def of_side(frame: pd.DataFrame, side: str) -> list[tuple[str, str, str]]:
    """Name, parameters and view of an index in each row."""
    return list(frame[[f"index_{side}", f"index_{side}_params", f"view_{side}"]].itertuples(index=False, name=None))


def told_apart(keys: list[tuple[str, str, str]]) -> list[str]:
    """Names of indices, with their parameters and views where names alone are not enough."""
    found = []
    for name, params, view in keys:
        others = {key[1:] for key in keys if key[0] == name}
        shown = f"{name}[{params}]" if params and len({each for each, _ in others}) > 1 else name
        found.append(f"{shown} ({view})" if len({each for _, each in others}) > 1 else shown)
    return found
