"""Published values: measurements rounded to their reproducible digits."""

from __future__ import annotations

import math
from collections.abc import Container

import pandas as pd

from simbench.columns import COUNTED, INDEX, NETWORK, NONE, SIMILARITY, STITCHER
from simbench.statistics.digits import rounded

#: Columns of methods.csv that name a method.
METHOD_KEY = ["kind", "method", "params"]
#: Reproducible digits of a value computed with a trained stitch, whose gradients are summed in an order that depends on
#: the number of threads; and the share of a value's size down to which they are: 4 digits and 7 decimals for size 1.
TRAINED, FROM = 4, 1e-3


def published(measured: pd.DataFrame, methods: pd.DataFrame, of_index: Container[str] = NONE) -> pd.DataFrame:
    """Measurements with values rounded to their reproducible digits; records keep every digit.

    methods: the table of methods. of_index: quantities that are values of the index beside `similarity` and those that
    end in `_similarity`, as experiments declare them for the leaderboard.

    A value gets nine significant digits (`digits.DIGITS`), and at most as many decimals as nine digits of its size
    have. The size is the larger end of the index's claimed range, or 1 for other quantities: nine decimals. The
    size of an index without an end other than 0 is not known; that of a cross-entropy does not matter, because its
    terms have the same sign and do not cancel. A value computed with a trained stitch gets four digits and at most
    seven decimals: rows of a stitcher that needs a task, and rows of an experiment's own kind unless their method is a
    direct stitcher. Shares of inputs are counts, and are published unrounded.
    """
    known = {tuple(row[name] for name in METHOD_KEY): row for row in methods.to_dict("records")}
    columns = ("kind", "method", "params", "quantity", "value")
    rows = zip(*(measured[name].to_numpy(object) for name in columns), strict=True)  # in a third of the time
    return measured.assign(
        value=[
            _rounded(
                value,
                kind,
                quantity.partition("/")[0],
                {} if kind == STITCHER else known.get((INDEX, method, params), {}),
                {} if kind == INDEX else known.get((STITCHER, method, params), {}),
                of_index,
            )
            for kind, method, params, quantity, value in rows
        ]
    )


def _rounded(
    value: float | None, kind: str, quantity: str, index: dict, stitcher: dict, of_index: Container[str]
) -> float:
    """index, stitcher: the row of the method in the table of methods, {} where it is not of that kind."""
    if value is None or quantity in COUNTED:
        return float("nan") if value is None else value
    own = kind not in (INDEX, NETWORK, STITCHER)
    trained = stitcher["needs"] == "task" if stitcher else own
    is_index = quantity == SIMILARITY or quantity.endswith(f"_{SIMILARITY}") or quantity in of_index
    size = _size(index) if index and is_index else float(quantity != "cross_entropy")
    return rounded(value, TRAINED, size * FROM) if trained else rounded(value, unit=size)


def _size(index: dict) -> float:
    """The larger end of an index's claimed range, 0 where that is not known."""
    ends = (abs(float(index[name])) for name in ("low", "high") if index.get(name) not in (None, ""))
    return max((end for end in ends if math.isfinite(end)), default=0.0)
