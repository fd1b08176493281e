"""What settings, indices and stitchers are called on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from simbench.columns import GROUP, INDEX
from simbench.results.claims import of_row
from simbench.results.text import specs

#: What names an index on a leaderboard.
INDEX_KEY = ["index", "index_params", "view"]
Key = tuple[str, str, str]
#: Addresses that a citation names.
_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]+|\b10\.\d{4,}/[^\s,;)]+|\barXiv:? ?(\d{4}\.\d{4,5})", re.IGNORECASE)


def settings(leaderboard: pd.DataFrame) -> list[tuple[str, ...]]:
    """GROUP of every board: those that are ranked first, otherwise in order."""
    groups = leaderboard[GROUP].assign(unranked=leaderboard["rank"].isna())
    groups["unranked"] = groups.groupby(GROUP, dropna=False)["unranked"].transform("min")
    ordered = groups.drop_duplicates(GROUP).sort_values("unranked", kind="stable")
    return list(ordered[GROUP].itertuples(index=False, name=None))


def setting(group: tuple[str, ...]) -> dict[str, str]:
    """A board's data set, models, experiment and panel, and its name."""
    dataset, experiment, model_a, model_b, panel = group
    models = model_a if model_a == model_b else f"{model_a} → {model_b}"
    return {
        "name": f"{experiment}, {models} on {dataset}" + (f" (panel {panel})" if panel else ""),
        "dataset": dataset,
        "experiment": experiment,
        "models": models,
        "panel": panel,
    }


def labels(leaderboard: pd.DataFrame, methods: pd.DataFrame) -> dict[Key, str]:
    """Key of an index -> what to call it: its spec, and its view where it is ranked in several."""
    names, found = specs(methods), {}
    keys = list(leaderboard[INDEX_KEY].drop_duplicates().itertuples(index=False, name=None))
    called = [(names.get(key[:2], key[0]), key[2]) for key in keys]
    counts = pd.Series([name for name, _ in called], dtype=object).value_counts()
    for key, (name, view) in zip(keys, called, strict=True):
        found[key] = f"{name} ({view})" if counts[name] > 1 else name
    return found


def about(keys: Mapping[Key, str], methods: pd.DataFrame, timings: pd.DataFrame, costs: Mapping[str, str]) -> list:
    """For each index what does not depend on the board: name, claims, cost, source and where to read it, package."""
    rows = {(row["method"], row["params"]): row for row in methods[methods["kind"] == INDEX].to_dict("records")}
    spent = timings[timings["kind"] == INDEX].groupby(["method", "params", "view"])["seconds"].mean()
    found = []
    for key, name in keys.items():
        row = rows.get(key[:2], {})
        seconds = spent.get(key)
        cost = costs.get(row.get("spec", ""), row.get("needs", ""))
        claims = of_row(row)
        found.append(
            {
                "name": name,
                "spec": specs(methods).get(key[:2], key[0]),
                "view": key[2],
                "control": truth(row.get("control")),
                "distance": row.get("direction") == -1,
                "claims": claims.words() if claims else "",
                "cost": cost,
                "milliseconds": None if seconds is None else round(1000 * float(seconds), 1),
                "source": row.get("source", ""),
                "address": address(row.get("source", "")),
                "package": f"{row.get('package', '')} {row.get('package_version', '')}".strip(),
            }
        )
    return found


def truth(value: object) -> bool:
    """A cell of a boolean column, False where it is empty."""
    return bool(value) if value is not None and not pd.isna(value) else False


def address(source: str) -> str:
    """The address that a citation names: a URL, a DOI or a number of arXiv; "" without one.

    >>> address("Bo et al., arXiv:2411.14633"), address("see https://example.org/a.pdf"), address("Hotelling 1936")
    ('https://arxiv.org/abs/2411.14633', 'https://example.org/a.pdf', '')
    """
    found = _ADDRESS.search(source)
    if not found:
        return ""
    if found[1]:
        return f"https://arxiv.org/abs/{found[1]}"
    return found[0] if found[0].lower().startswith("http") else f"https://doi.org/{found[0]}"
