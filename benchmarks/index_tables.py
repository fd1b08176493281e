"""The tables of indices in benchmarks/README.md: against packages, and what one side, one pair, many networks cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Row = Mapping[str, str]

MARKS = {
    "against_packages": ("<!-- packages -->\n", "\n<!-- /packages -->"),
    "zoo": ("<!-- zoo -->\n", "\n<!-- /zoo -->"),
}


def against_packages(rows: Sequence[Row]) -> str:
    """Markdown: per index and peer, our time into theirs and by how much values differ."""
    columns = ("index", "against", "times as fast [low, high]", "seconds, ours", "largest difference", "why")
    return _table(columns, [_peer(row) for row in rows])


def _peer(row: Row) -> tuple[str, ...]:
    if row["value"] == "nan":
        return f"`{row['what']}`", row["against"], "", "", "", row["note"]
    speed = f"{row['value']}× [{row['low']}, {row['high']}]"
    apart = row["difference"] if row["note"] else f"{row['difference']} (≤ {row['tolerance']})"
    return f"`{row['what']}`", row["against"], speed, row["seconds"], apart, row["note"]


def zoo(rows: Sequence[Row]) -> str:
    """Markdown: per index, seconds of one side and of one pair, and how many times less all pairs of networks take."""
    columns = ("index", "part", "seconds", "part", "seconds", "slow", "all pairs, prepared once", "seconds", "networks")
    singles: dict[str, list[Row]] = {}
    together = {row["what"].partition(":")[0]: row for row in rows if row["target"] == "12"}
    for row in rows:
        if row["target"] == "11":
            singles.setdefault(row["what"].rpartition(":")[0], []).append(row)
    lines = []
    for index, (side, pair) in singles.items():
        parts = [cell for row in (side, pair) for cell in (row["what"].rpartition(": ")[2], row["value"])]
        lines.append((f"`{index}`", *parts, side["note"].removeprefix("slow: "), *_together(together.get(index))))
    for index in together.keys() - singles.keys():  # the sum
        lines.append((index, *("",) * 5, *_together(together[index])))
    return _table(columns, lines)


def _together(row: Row | None) -> tuple[str, str, str]:
    if row is None:
        return "", "", ""
    wanted = f" (≥ {row['wanted']}×)" if row["wanted"] else ""
    return f"{row['value']}×{wanted}", row["seconds"], row["where"].partition(" networks")[0]


def _table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return "Not measured yet."
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [columns, ["---"] * len(columns), *lines])
