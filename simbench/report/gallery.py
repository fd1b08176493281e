"""The figures of a results folder on a page: picture, caption, command, and the numbers behind them."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from simbench.report.tables import Part
from simbench.results import figures
from simbench.results.text import specs

#: What a point of a figure is a mean over pairs of networks of.
POINT = ["dataset", "view", "model_a", "model_b", "layer_a", "layer_b", "kind", "method", "params", "quantity", "step"]
#: Most rows of numbers of a figure that a page carries.
MOST = 3000
NO_PARTS: Mapping[Path, Part] = MappingProxyType({})


def gallery(
    paths: tuple[Path, ...],
    measurements: pd.DataFrame,
    methods: pd.DataFrame,
    timings: pd.DataFrame,
    runs: pd.DataFrame,
    captions: Mapping[str, str],
    parts: Mapping[Path, Part] = NO_PARTS,
) -> list[dict[str, Any]]:
    """For each SVG file: name, caption, command, picture (a data URI: an image runs no script), alt, and columns and
    rows of its numbers, of at most MOST rows. The command and the numbers of a figure are those of its own folder, and
    its name has that of the folder where several folders have one."""
    spec_of = {figures.name_of(spec): spec for spec in measurements["experiment"].unique()}
    commands = dict(zip(runs["run"], runs["command"], strict=True))
    found: list[dict[str, Any]] = []
    several = Counter(path.stem for path in paths)
    for path in paths:
        spec, folder = spec_of.get(path.stem, path.stem), path.parent.parent
        part = parts.get(folder, Part(measurements, frozenset(runs["run"])))
        mine = part.measurements[part.measurements["experiment"] == spec]
        measured = timings.loc[(timings["experiment"] == spec) & timings["run"].isin(part.runs), "run"].mode()
        before = sum(each["stem"] == path.stem for each in found)
        numbers = _numbers(mine, methods)
        about = captions.get(spec) or captions.get(spec.partition("[")[0]) or f"The figure of experiment {spec}."
        found.append(
            {
                "name": f"{spec}, {folder.name}" if several[path.stem] > 1 else spec,
                "file": f"{path.stem}-{before + 1}" if before else path.stem,
                "stem": path.stem,
                "caption": about,
                "command": (commands.get(measured.iloc[0], "") if len(measured) else "")
                or f"simbench run --experiments '{spec}'",
                "picture": "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode(),
                "alt": (f"{folder.name}: " if several[path.stem] > 1 else "") + _alt(spec, mine, methods),
                "columns": list(numbers),
                "rows": [
                    [None if pd.isna(value) else value for value in row]
                    for row in numbers.head(MOST).astype(object).to_numpy().tolist()
                ],
                "left_out": max(0, len(numbers) - MOST),
            }
        )
    return [{name: value for name, value in each.items() if name != "stem"} for each in found]


def _numbers(rows: pd.DataFrame, methods: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation and count over pairs of networks of what a figure shows."""
    rows = rows[rows["status"] == "ok"]
    names = specs(methods)
    found = rows.groupby(POINT, sort=False, dropna=False)["value"].agg(["mean", "std", "size"]).reset_index()
    method = [names.get(key, key[0]) for key in zip(found["method"], found["params"], strict=True)]
    found = found.assign(method=method, **{name: found[name].map(_five) for name in ("mean", "std")})
    return found.drop(columns="params").rename(columns={"std": "deviation", "size": "count"})


def _five(value: float) -> float | None:
    return None if pd.isna(value) else float(f"{value:.5g}")


def _alt(spec: str, rows: pd.DataFrame, methods: pd.DataFrame) -> str:
    """What the picture shows, for those who do not see it."""
    names = specs(methods)
    keys = rows[["method", "params"]].drop_duplicates().itertuples(index=False, name=None)
    shown = [names.get(key, key[0]) for key in keys if key[0]]
    layers = list(rows["layer_a"].replace("", pd.NA).dropna().unique())
    parts = [f"Curves of experiment {spec}"]
    if shown:
        parts.append("of " + ", ".join(shown[:8]) + (f" and {len(shown) - 8} others" if len(shown) > 8 else ""))
    if layers:
        parts.append(f"at {', '.join(layers)}")
    return " ".join(parts) + "; its numbers can be downloaded below."
