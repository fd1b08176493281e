"""Tables of a page, made of chosen numbers: indices, stitchers and settings as many as wanted."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from simbench import columns
from simbench.columns import GROUP
from simbench.report.tables import Tables
from simbench.results.tables import empty

#: Networks in a ring: every front meets four others.
NETWORKS, LAYERS = 24, ("bn1", "bn2", "bn10")
#: A plugin's name that would be markup, were it not escaped.
HOSTILE = "</script><script>window.hurt=1</script>"
#: A picture of 90 x 60 pixels, blue on its left.
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="60"><rect width="45" height="60" fill="#0072b2"/></svg>'
)
#: Parameters of variants of an index.
FULL, RBF = "kernel=linear,batch=128", "kernel=rbf,batch=128"


def tables(
    indices: list[str], stitchers: list[str], settings: int = 1, figures: tuple[Path, ...] = (), seed: int = 0
) -> Tables:
    """The first index leads with 0.5 [0.4, 0.6]; the others follow in steps of 0.3, as wide, the last is a control."""
    made = _tables(tuple(indices), tuple(stitchers), settings, figures, seed)
    frames = {f.name: getattr(made, f.name) for f in fields(made)}
    return replace(made, **{name: x.copy() for name, x in frames.items() if isinstance(x, pd.DataFrame)})


@cache
def _tables(
    indices: tuple[str, ...], stitchers: tuple[str, ...], settings: int, figures: tuple[Path, ...], seed: int
) -> Tables:
    rng = np.random.default_rng(seed)
    groups = [(f"data{k}", "matching", "tiny", "tiny", "") for k in range(settings)]
    boards, gaps = [], []
    for group in groups:
        place = dict(zip(GROUP, group, strict=True))
        for stitcher in ("all", *stitchers):
            common = place | {"stitcher": stitcher, "target": "kl_divergence", "scope": "within"}
            for at, name in enumerate(indices):
                value = max(-0.9, 0.5 - 0.3 * at)
                ends = {f"{scope}{end}": value + shift for scope in ("within", "within_end", "pooled")
                        for end, shift in (("", 0), ("_low", -0.1), ("_high", 0.1))}  # fmt: skip
                control = at == len(indices) - 1
                ranks = {} if control else {"rank": at + 1, "best_rank": 1, "worst_rank": at + 1}
                counts = {"networks": NETWORKS, "pairs": 96, "layers": 3, "coverage": 1.0, "ceiling": 0.9}
                boards.append(common | ends | ranks | counts | {"index": name, "view": "spatial"})
            for a, b in combinations(range(len(indices) - 1), 2):
                names = {"index_a": indices[a], "index_b": indices[b], "view_a": "spatial", "view_b": "spatial"}
                sure = 0.01 if b - a > 1 else 0.5
                gaps.append(common | names | {"difference": 0.3 * (b - a), "adjusted": sure})
    kinds = [("index", name) for name in indices] + [("stitcher", name) for name in stitchers]
    methods = [
        {"kind": kind, "method": name, "spec": name, "direction": 1 if kind == "index" else None,
         "symmetric": True if kind == "index" else None, "control": name == indices[-1] if kind == "index" else False,
         "invariances_a": "orthogonal permutation", "invariances_b": "orthogonal permutation", "needs": "moments",
         "source": "Bo et al., arXiv:2411.14633", "package": "made by the tests"}
        for kind, name in kinds
    ]  # fmt: skip
    runs = [{"run": "r", "command": "simbench run --indices 'a<b'", "started": "2026-01-01 00:00:00 UTC"}]
    return Tables(
        measurements=_measured(groups, indices, stitchers, rng),
        methods=_frame(methods, columns.METHODS),
        timings=empty(columns.TIMINGS),
        runs=_frame(runs, columns.RUNS),
        correlations=empty(columns.CORRELATIONS),
        leaderboard=_frame(boards, columns.LEADERBOARD),
        comparisons=_frame(gaps, columns.COMPARISONS),
        declared={},
        figures=figures,
    )


def few(made: Tables) -> Tables:
    """The same of too few networks for intervals, ranges of ranks, comparisons and a noise ceiling."""
    unknown = [name for name in made.leaderboard if name.endswith(("_low", "_high", "_rank"))]
    board = made.leaderboard.assign(ceiling=np.nan, **dict.fromkeys(unknown, np.nan))
    return replace(made, leaderboard=board.astype(made.leaderboard.dtypes), comparisons=made.comparisons.iloc[:0])


def variants(view: str = "spatial") -> Tables:
    """Tables in which `bures`, which leads, is `cka[kernel=rbf]`, in another view if one is given."""
    made = tables(["bures", "cka", "svcca", "zero"], ["ls"])
    params = {"bures": RBF, "cka": FULL}

    def renamed(frame: pd.DataFrame, method: str, given: str, of: str) -> pd.DataFrame:
        old = frame[method]
        frame = frame.assign(**{given: old.map(params).fillna(frame[given]), method: old.replace({"bures": "cka"})})
        return frame.assign(**{of: frame[of].where(old != "bures", view)}) if of else frame

    methods = renamed(made.methods, "method", "params", "")
    return replace(
        made,
        measurements=renamed(made.measurements, "method", "params", "view"),
        methods=methods.replace({"spec": {"bures": "cka[kernel=rbf]"}}),
        leaderboard=renamed(made.leaderboard, "index", "index_params", "view"),
        comparisons=renamed(
            renamed(made.comparisons, "index_a", "index_a_params", "view_a"), "index_b", "index_b_params", "view_b"
        ),
    )


def _measured(groups: list[tuple], indices: tuple[str, ...], stitchers: tuple[str, ...], rng) -> pd.DataFrame:
    pairs = [(a, (a + step) % NETWORKS) for a in range(NETWORKS) for step in (1, 2, 3, 5)]
    where = pd.DataFrame(
        [(str(a), str(b), layer, layer) for layer in LAYERS for a, b in pairs],
        columns=["seed_a", "seed_b", "layer_a", "layer_b"],
    )
    methods = [("index", name, "similarity") for name in indices]
    methods += [
        ("stitcher", name, quantity) for name in stitchers for quantity in ("kl_divergence", "relative_accuracy")
    ]
    parts = []
    for group in groups:
        for kind, method, quantity in methods:
            named = dict(zip(GROUP, group, strict=True)) | {"kind": kind, "method": method, "quantity": quantity}
            parts.append(where.assign(**named, view="spatial", status="ok", value=rng.random(len(where))))
    return _frame(pd.concat(parts, ignore_index=True), columns.MEASUREMENTS)


def _frame(rows, table) -> pd.DataFrame:
    """Rows with all columns of a table and their types; '' and missing values where nothing is given."""
    given = pd.DataFrame(rows).reindex(columns=list(table))
    texts = [name for name, column in table.items() if column.type == "text"]
    return given.assign(**{name: given[name].astype(object).fillna("") for name in texts}).astype(columns.dtypes(table))
