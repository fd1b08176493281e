"""Layer x layer maps of a page: each index beside stitched accuracy, where layers were crossed."""

from __future__ import annotations

import base64
import io
from typing import Any

import pandas as pd

from simbench.columns import INDEX, SIMILARITY, STITCHER
from simbench.results import figures
from simbench.results.text import specs

#: Most maps of one page.
MOST = 40


def heat_maps(measurements: pd.DataFrame, methods: pd.DataFrame) -> list[dict[str, Any]]:
    """Title, alt and picture (data URI of an SVG) of each method that was measured between different layers."""
    rows = measurements[(measurements["status"] == "ok") & measurements["step"].isna()]
    compared = (rows["kind"] == INDEX) & (rows["quantity"] == SIMILARITY)
    stitched = (rows["kind"] == STITCHER) & (rows["quantity"] == "relative_accuracy")
    rows = rows[compared | stitched]
    names, found = specs(methods), []
    distances = {(row["method"], row["params"]) for row in methods.to_dict("records") if row["direction"] == -1}
    views = rows.groupby(["kind", "method", "params"])["view"].nunique()
    rows = rows.sort_values("kind", ascending=False, kind="stable")  # however many indices, stitched accuracy is there
    apart = ["dataset", "experiment", "model_a", "model_b", "view", "kind", "method", "params"]
    for (dataset, experiment, model_a, model_b, view, kind, method, params), part in rows.groupby(apart, sort=False):
        if (part["layer_a"] == part["layer_b"]).all():
            continue
        what = f"{names.get((method, params), method)}" + (": relative accuracy" if kind == STITCHER else "")
        what += f" ({view})" if views[kind, method, params] > 1 else ""
        models = model_a if model_a == model_b else f"{model_a} to {model_b}"
        far = (method, params) in distances and kind == INDEX
        means = part.groupby(["layer_a", "layer_b"])["value"].mean()
        best = " and ".join(
            f"{layer} of {model}" for layer, model in zip(means.idxmax(), (model_a, model_b), strict=True)
        )
        found.append(
            {
                "title": f"{what}, {experiment}, {models} on {dataset}" + ("; small is similar" if far else ""),
                "alt": f"Heat map of {what} between layers of two networks; largest between {best}",
                "picture": _picture(part, what),
            }
        )
        if len(found) == MOST:
            break
    return found


def _picture(rows: pd.DataFrame, title: str) -> str:
    import matplotlib

    from simbench.report.drawings import heat, named

    beside, below = (0.065 * max(map(len, rows[name])) for name in ("layer_a", "layer_b"))  # inches of their names
    buffer = io.BytesIO()
    with matplotlib.rc_context(figures.STYLE):
        figure, (axes,) = figures.panels(1, 1, width=3.6 + beside, height=2.8 + below)
        heat(rows, axes, title)
        figures.literal(figure, named(rows))
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
