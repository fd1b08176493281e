"""Why indices have no rank, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from simbench.columns import GROUP
from simbench.report.names import INDEX_KEY, Key

#: Scopes that are no layer.
_OVER_LAYERS = {"within", "within_end", "within_accuracy", "pooled"}
_STATUS = re.compile(r"index: \d+ (failed|skipped|degenerate|not measured) of \d+ cells")
_PAIRS = re.compile(r"undefined: (\d+) pairs of networks, (\d+) are needed")
#: What clauses on too few pairs have in common.
_PAIR = "pairs of networks"
#: Most indices that a reason names.
NAMED = 4


def reasons(correlations: pd.DataFrame, group: tuple, target: str) -> dict[Key, str]:
    """Index -> why layers have no correlation of it with a target, in words, where correlations.csv says so.

    Layers in which no index has one say nothing of an index, unless there are no others.
    """
    rows = correlations[(correlations[GROUP] == list(group)).all(axis=1) & (correlations["statistic"] == "spearman")]
    rows = rows[(rows["target"] == target) & ~rows["scope"].isin(_OVER_LAYERS)]
    rows = rows.assign(said=rows["note"].map(_clause))
    shared = rows[rows["value"].isna() & rows["said"].str.startswith("only ")].groupby(INDEX_KEY)["said"].first()
    known = rows[rows["value"].notna()][["stitcher", "stitcher_params", "scope"]].drop_duplicates()
    if len(known):
        rows = rows.merge(known, on=list(known))
    rows = rows[rows["value"].isna()]
    found = {key: clauses[clauses != ""].mode() for key, clauses in rows.groupby(INDEX_KEY, sort=False)["said"]}
    why = {key: modes.iloc[0] for key, modes in found.items() if len(modes)}
    # an index that another stitcher's few pairs leave out is not ranked for the pairs that it does not share
    return {key: shared.get(key, clause) if _PAIR in clause else clause for key, clause in why.items()}


def listed(keys: Sequence[Key], why: Mapping[Key, str], labels: Mapping[Key, str]) -> str:
    """
    >>> a, b, c = (("a", "", "flat"), ("b", "", "flat"), ("c", "", "flat"))
    >>> listed([a, b, c], {a: "failed", b: "skipped", c: "failed"}, {a: "a", b: "b", c: "c"})
    'a and c (failed); b (skipped)'
    """
    parts: dict[str, list[str]] = {}
    for key in keys:
        parts.setdefault(why.get(key, ""), []).append(labels[key])
    ordered = sorted(parts.items(), key=lambda part: -len(part[1]))
    return "; ".join(f"{together(names)}{f' ({reason})' if reason else ''}" for reason, names in ordered)


def together(names: Sequence[str]) -> str:
    """
    >>> together(["a"]), together(["a", "b"]), together(["a", "b", "c", "d", "e", "f"])
    ('a', 'a and b', 'a, b, c, d and 2 others')
    """
    rest = len(names) - NAMED
    if rest > 0:
        return f"{', '.join(names[:NAMED])} and {rest} other{'s' if rest > 1 else ''}"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _clause(note: str) -> str:
    """What a note of correlations.csv says of an index, "" where it says nothing of it."""
    pairs, status = _PAIRS.search(note), _STATUS.search(note)
    if pairs and "common to the indices" in note:
        return f"only {pairs[1]} pairs of networks have a value of every index, and a correlation needs {pairs[2]}"
    if pairs:
        return f"{pairs[1]} pairs of networks, and a correlation needs {pairs[2]}"
    if status and "undefined: no cells" in note:
        return status[1]
    return "constant" if re.search(r"undefined: index( and target)? constant", note) else ""
