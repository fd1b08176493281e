"""The answer in two sentences, from the numbers of a board."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from simbench.columns import GROUP
from simbench.report.names import INDEX_KEY, Key
from simbench.results.board import SCOPES, TARGETS
from simbench.statistics.comparisons import LEVEL

#: Most indices that a sentence names.
NAMED = 4


def answer(
    leaderboard: pd.DataFrame, comparisons: pd.DataFrame, group: tuple, labels: Mapping[Key, str], controls: set[str]
) -> str:
    """How many indices predict better than chance (their 95 % interval lies above zero), which leads, and from which it
    cannot be told apart (no difference at 5 % over the whole board). Of the mean over stitchers.

    controls: names of indices that no count includes.
    """
    board = leaderboard[(leaderboard[GROUP] == list(group)).all(axis=1) & (leaderboard["stitcher"] == "all")]
    board = board[~board["index"].isin(controls)]
    scope, target = (leaderboard[name].iloc[0] for name in ("scope", "target"))
    what = f"{TARGETS.get(target, target)} {SCOPES[scope]}"
    ranked = board[board[scope].notna()].sort_values(scope, ascending=False, kind="stable")
    if ranked.empty:
        return f"No index can be correlated with {what}: three networks give a value, six an interval."
    if ranked[f"{scope}_low"].isna().all():
        return (
            f"Of {_count(len(ranked), 'index')}, {labels[_key(ranked.iloc[0])]} has the largest correlation with "
            f"{what}. Fewer than six networks give no interval: whether it is better than chance is open."
        )
    better = int((ranked[f"{scope}_low"] > 0).sum())
    first = f"Of {_count(len(board), 'index')}, {better} {'predicts' if better == 1 else 'predict'} {what} better than "
    return f"{first}chance. {_leader(ranked, comparisons, group, labels, scope)}"


def _leader(
    ranked: pd.DataFrame, comparisons: pd.DataFrame, group: tuple, labels: Mapping[Key, str], scope: str
) -> str:
    best = _key(ranked.iloc[0])
    value, low, high = (ranked.iloc[0][scope + end] for end in ("", "_low", "_high"))
    leads = f"{labels[best]} leads with {value:.2f} [{low:.2f}, {high:.2f}]"
    same = comparisons[(comparisons[GROUP] == list(group)).all(axis=1) & (comparisons["stitcher"] == "all")]
    worse = set()
    for mine, other in (("a", "b"), ("b", "a")):
        rows = same[(same[[f"index_{mine}", f"index_{mine}_params", f"view_{mine}"]] == list(best)).all(axis=1)]
        told = rows[rows["adjusted"] <= LEVEL]
        worse |= set(
            told[[f"index_{other}", f"index_{other}_params", f"view_{other}"]].itertuples(index=False, name=None)
        )
    alike = [labels[key] for key in map(_key, ranked.iloc[1:].to_dict("records")) if key not in worse]
    if not alike:
        return f"{leads}, and predicts better than every other index at 95 %."
    named, rest = alike[:NAMED], len(alike) - NAMED
    if rest > 0:
        return f"{leads}, but cannot be told apart from {', '.join(named)} and {_count(rest, 'other')} at 95 %."
    listed = " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))
    return f"{leads}, but cannot be told apart from {listed} at 95 %."


def _key(row) -> Key:
    return tuple(row[name] for name in INDEX_KEY)


def _count(number: int, noun: str) -> str:
    plural = {"index": "indices"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
