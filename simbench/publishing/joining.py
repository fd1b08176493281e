"""Published tables of several people, joined so that their methods are ranked together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from simbench import columns
from simbench.columns import GROUP, IDENTITY, INDEX, NETWORK, STITCHER
from simbench.errors import InputError
from simbench.publishing.agreement import DIRECT, TRAINED
from simbench.results import folder as tables
from simbench.results.published import METHOD_KEY

#: What a reliability is of.
TARGET_KEY = [*GROUP, "stitcher", "stitcher_params", "target", "scope"]


@dataclass(frozen=True, eq=False)
class Joined:
    """measurements, methods: of all folders, each row once. reliability: TARGET_KEY, reliability and ceiling of every
    target and scope for which a folder states them. parts: the measurements of each folder."""

    measurements: pd.DataFrame
    methods: pd.DataFrame
    reliability: pd.DataFrame
    parts: tuple[pd.DataFrame, ...]


def joined(folders: Sequence[Path]) -> Joined:
    """The tables of results folders and publications, in this order.

    A number that several folders have is taken from the first. Raises InputError for a folder without tables, for
    tables of a later version, and for two values of one number that differ by more than rounding.
    """
    parts = [_read(folder) for folder in folders]
    measurements = pd.concat(
        [part["measurements.csv"].assign(source=str(folder)) for part, folder in zip(parts, folders, strict=True)],
        ignore_index=True,
    )
    methods = pd.concat([part["methods.csv"] for part in parts], ignore_index=True).drop_duplicates(METHOD_KEY)
    _must_agree(measurements, methods)
    measurements = measurements.drop_duplicates(IDENTITY, ignore_index=True).drop(columns="source")
    return Joined(
        measurements,
        methods.reset_index(drop=True),
        _reliability(part["correlations.csv"] for part in parts),
        tuple(part["measurements.csv"] for part in parts),
    )


def _read(folder: Path) -> dict[str, pd.DataFrame]:
    names = ("measurements.csv", "methods.csv", "correlations.csv")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{str(folder)!r} holds no {', '.join(missing)}; give folders of `simbench run` or `simbench publish`"
        )
    frames = {name: tables.read(folder, name) for name in names}
    for name, frame in frames.items():
        lacking = [column for column in _needed(name) if column not in frame]
        if lacking:
            raise InputError(
                f"{folder / name} has no column {lacking[0]!r}; derive it again with `simbench leaderboard`"
            )
    return frames


def _needed(name: str) -> Iterable[str]:
    return TARGET_KEY if name == "correlations.csv" else columns.TABLES[name]


def _must_agree(measurements: pd.DataFrame, methods: pd.DataFrame) -> None:
    """InputError for two values of one number that differ by more than rounding."""
    shared = measurements[measurements.duplicated(IDENTITY, keep=False)]
    if shared.empty:
        return
    fitted = methods[(methods["kind"] == STITCHER) & (methods["needs"] != "task")][METHOD_KEY[1:]]
    direct = pd.MultiIndex.from_frame(shared[METHOD_KEY[1:]]).isin(pd.MultiIndex.from_frame(fitted))
    direct |= shared["kind"].isin([INDEX, NETWORK])
    same = shared.groupby(IDENTITY, sort=False, dropna=False)
    values = same["value"]
    size = np.maximum(np.maximum(values.transform("max").abs(), values.transform("min").abs()), 1.0)
    spread = (values.transform("max") - values.transform("min")).fillna(0.0)
    known = values.transform("count")
    apart = (spread > np.where(direct, DIRECT, TRAINED) * size) | (
        (known > 0) & (known < same["value"].transform("size"))
    )
    apart |= same["status"].transform("nunique") > 1
    if apart.any():
        raise InputError(_conflict(shared.assign(number=same.ngroup())[apart], int(apart.sum())))


def _conflict(rows: pd.DataFrame, count: int) -> str:
    """A line for the first of the numbers that differ."""
    first = rows.iloc[0]
    shown = " and ".join(
        f"{value!r} in {source}" if np.isfinite(value) else f"{status} in {source}"
        for value, status, source in rows[rows["number"] == first["number"]][["value", "status", "source"]].itertuples(
            index=False, name=None
        )
    )
    where = f"{first['model_a']}-{first['seed_a']} -> {first['model_b']}-{first['seed_b']} {first['layer_a']}"
    what = f"{first['quantity']} of {first['method'] or first['kind']}"
    return (
        f"{count} values differ by more than rounding, such as {what}, {where}: {shown}; "
        f"leave a folder out, or merge records with `simbench merge --keep first`"
    )


def _reliability(correlations: Iterable[pd.DataFrame]) -> pd.DataFrame:
    wanted = [*TARGET_KEY, "reliability", "ceiling"]
    stated_in = [frame.reindex(columns=wanted) for frame in correlations]
    stated = pd.concat(stated_in, ignore_index=True).dropna(subset=["reliability"])
    return stated.drop_duplicates(TARGET_KEY, ignore_index=True)
