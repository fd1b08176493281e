"""The answer in two sentences, from the numbers of a board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pandas as pd

from simbench.columns import GROUP, STITCHER
from simbench.report.names import INDEX_KEY, Key
from simbench.report.reasons import listed, together
from simbench.results.board import SCOPES, TARGETS
from simbench.results.leader import estimate, short
from simbench.statistics.comparisons import LEVEL


def answer(
    leaderboard: pd.DataFrame,
    comparisons: pd.DataFrame,
    group: tuple,
    labels: Mapping[Key, str],
    controls: set[str],
    why: Mapping[Key, str] | None = None,
) -> str:
    """How many indices predict better than chance (their 95 % interval lies above zero), which leads, and from which it
    cannot be told apart (no difference at 5 % over the whole board). Of the mean over stitchers; "" where no index has
    a correlation. A third sentence names those without one.

    controls: names of indices that no count includes. why: index -> why it has no rank, where that is known.
    """
    board = leaderboard[(leaderboard[GROUP] == list(group)).all(axis=1) & (leaderboard["stitcher"] == "all")]
    board = board[~board["index"].isin(controls)]
    scope, target = (leaderboard[name].iloc[0] for name in ("scope", "target"))
    what = f"how well stitched networks work ({TARGETS.get(target, target)}, {SCOPES[scope]})"
    ranked = board[board[scope].notna()].sort_values(scope, ascending=False, kind="stable")
    if ranked.empty:
        return ""
    among = f"Of {_indices(board)}, "
    if len(ranked) < len(board):
        among += f"{len(ranked)} {'has' if len(ranked) == 1 else 'have'} a rank; "
    others = _without(board[board[scope].isna()], labels, why or {})
    if ranked[f"{scope}_low"].isna().all():
        first = ranked.iloc[0]
        best = f"{labels[_key(first)]} has the largest rank correlation ({short(first[scope])}) with {what}"
        few = "Fewer than six networks give no interval: whether that is better than chance is open."
        return f"{among}{best}. {few}{others}"
    better = int((ranked[f"{scope}_low"] > 0).sum())
    verb = "predict" if better > 1 else "predicts"
    who = f"All {better} indices" if 1 < better == len(board) else f"{among}{better or 'none'}"
    return f"{who} {verb} better than chance {what}. {_leader(ranked, comparisons, group, labels, scope)}{others}"


def _indices(board: pd.DataFrame) -> str:
    """How many rows, and of how many indices where some have several views."""
    several = board[INDEX_KEY[:2]].drop_duplicates()
    views = f" ({len(several)} in up to {board['view'].nunique()} views)" if len(several) < len(board) else ""
    return count(len(board), "index") + views


def _without(board: pd.DataFrame, labels: Mapping[Key, str], why: Mapping[Key, str]) -> str:
    """A sentence on rows that have no rank."""
    keys = [_key(row) for row in board.to_dict("records")]
    return f" Without a rank: {listed(keys, why, labels)}." if keys else ""


def unranked(
    leaderboard: pd.DataFrame, measurements: pd.DataFrame, group: tuple, why: Mapping[Key, str] | None = None
) -> str:
    """Where no index is ranked: why, and at which layers stitched networks work best and worst.

    why: as for `answer`."""
    rows = stitches(measurements, group)
    board = leaderboard[(leaderboard[GROUP] == list(group)).all(axis=1) & (leaderboard["stitcher"] != "all")]
    notes = board["note"][board["note"] != ""].mode()
    needs = "No index is ranked here: a correlation needs three networks, its interval six."
    if len(networks(rows)) >= 3 and (why or len(notes)):
        told = Counter((why or {}).values()).most_common(1)
        needs = f"No index is ranked here: {told[0][0] if told else notes.iloc[0]}."
    rows = rows[rows["quantity"] == "relative_accuracy"]
    if rows.empty:
        return needs
    first = rows["method"].iloc[0]
    stitcher = "least_squares" if (rows["method"] == "least_squares").any() else first
    means = rows[rows["method"] == stitcher].groupby(["layer_a", "layer_b"], sort=False)["value"].mean()
    crossed = any(front != end for front, end in means.index)
    where = count(len(means), "pair") + " of layers" if crossed else count(len(means), "layer")

    def at(place: tuple[str, str]) -> str:
        return f"{place[0]} in front of {place[1]}" if crossed else place[0]

    best, worst = means.idxmax(), means.idxmin()
    if len(means) == 1:
        kept = f"{_share(means[best])} of Model 2's accuracy"
        return f"{needs} Networks stitched by {stitcher} at {at(best)} keep {kept}."
    return (
        f"{needs} Over {where}, networks stitched by {stitcher} keep between {_share(means[worst])} ({at(worst)}) and "
        f"{_share(means[best])} ({at(best)}) of Model 2's accuracy."
    )


def stitches(measurements: pd.DataFrame, group: tuple) -> pd.DataFrame:
    """The rows of a setting's stitched networks, those along a training left out."""
    rows = measurements[(measurements[GROUP] == list(group)).all(axis=1) & (measurements["status"] == "ok")]
    return rows[(rows["kind"] == STITCHER) & rows["step"].isna()]


def networks(rows: pd.DataFrame) -> set[tuple[str, str]]:
    """Model and name of every network in some rows."""
    sides = (rows[[f"model_{side}", f"seed_{side}"]].drop_duplicates() for side in "ab")
    return {key for side in sides for key in side.itertuples(index=False, name=None)}


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _leader(
    ranked: pd.DataFrame, comparisons: pd.DataFrame, group: tuple, labels: Mapping[Key, str], scope: str
) -> str:
    best = _key(ranked.iloc[0])
    leads = f"{labels[best]} leads with a rank correlation of {estimate(ranked.iloc[0], scope)}"
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
    return f"{leads}, but cannot be told apart from {together(alike)} at 95 %."


def _key(row) -> Key:
    return tuple(row[name] for name in INDEX_KEY)


def count(number: int, noun: str) -> str:
    """
    >>> count(1, "pair"), count(2, "index")
    ('1 pair', '2 indices')
    """
    plural = {"index": "indices"}.get(noun, f"{noun}s")
    return f"{number} {noun if number == 1 else plural}"
