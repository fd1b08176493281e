"""The board of two networks: a table, matrices of layers against layers, and heat maps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from simbench.columns import CUT_KEY
from simbench.contracts import Experiment, Network
from simbench.errors import InputError, unknown
from simbench.results import text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from simbench.runs.outcome import Outcome


#: Scores of stitched networks, of which a map shows the first that there is.
SHOWN = ("accuracy", "agreement", "r2", "agreement_r2", "residual")


@dataclass(frozen=True, eq=False, repr=False)
class Board:
    """What `simbench.compare` returns: network a in front of network b.

    outcome: of the run, with all tables and files (see `simbench.run`). rows: the measurements of these networks,
    columns as in measurements.csv. cuts: what is known of stitched layers, as in cuts.csv: shapes, layouts, engine
    of the cut, alignment. skipped: "a" and "b" -> layer that cannot be read -> the reason.
    known: names on record, (model, seed) of a network or (data set,), -> those that were given; where they differ.
    """

    outcome: Outcome
    experiment: Experiment
    a: Network
    b: Network
    dataset: str
    skipped: dict[str, dict[str, str]]
    known: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def rows(self) -> pd.DataFrame:
        rows = self._of(self.outcome.measurements, alone=True)
        return rows[rows["experiment"] == self.experiment.spec]

    @cached_property
    def cuts(self) -> pd.DataFrame:
        return self._of(self.outcome.cuts, alone=False)

    def _of(self, table: pd.DataFrame, alone: bool) -> pd.DataFrame:
        """The rows of a in front of b on the data; alone: and those of each with itself."""
        a, b = ((network.model.spec, network.seed) for network in (self.a, self.b))
        wanted = ((a, b), (a, a), (b, b)) if alone else ((a, b),)
        table = self._as_given(table)
        named = (table[name].astype(str) for name in ("model_a", "seed_a", "model_b", "seed_b"))
        mine = [(each[:2], each[2:]) in wanted for each in zip(*named, strict=True)]
        return table[pd.Series(mine, table.index, dtype=bool) & (table["dataset"] == self.dataset)]

    def _as_given(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with the names that were given in place of those on record."""
        if not self.known:
            return table
        table = table.copy()
        for names in (["model_a", "seed_a"], ["model_b", "seed_b"], ["dataset"]):
            old = list(zip(*(table[name].astype(str) for name in names), strict=True))
            table[names] = [self.known.get(each, each) for each in old]
        same = [name for name in table if name in CUT_KEY] if "engine" in table else list(table)
        return table.drop_duplicates(same, keep="last")

    @property
    def table(self) -> pd.DataFrame:
        """A row for each two layers: every index, the scores of every stitcher, and those of untrained fronts."""
        named = ["model_a", "seed_a", "model_b", "seed_b"]
        wide = self.experiment.summary(self.rows).drop(columns=named, errors="ignore")
        for name, network in (("layer_b", self.b), ("layer_a", self.a)) if len(wide) else ():
            order = in_depth(network, list(dict.fromkeys(wide[name])))
            wide = wide.sort_values(name, key=lambda layers, order=order: layers.map(order.index), kind="stable")
        return wide.reset_index(drop=True)

    def matrix(self, quantity: str, stitcher: str | None = None, view: str | None = None) -> pd.DataFrame:
        """Values by layer of a (rows) and layer of b (columns), NaN where there is none.

        quantity: an index, such as "cka" or "cka[kernel=rbf]", in one `view`; or a score of a stitched network
        ("accuracy", "relative_accuracy", "agreement", "kl_divergence", "cross_entropy", "residual", ...; of a
        regression "r2", "relative_r2", "agreement_r2", "mean_squared_error") by one `stitcher`. Either may be left
        out where there is one only. Raises InputError for a name that has no rows.
        """
        rows = self._named
        methods, of_index = rows["method"], rows["kind"] == "index"
        if quantity in set(methods[of_index]):
            if stitcher is not None:
                raise InputError(f"{quantity} is an index, and no stitcher belongs to it; leave stitcher= out")
            some = rows[of_index & (methods == quantity)]
            some = _one(some, "view", view)
        else:
            stitched = rows[rows["kind"] == "stitcher"]
            names = sorted({*methods[of_index], *stitched["quantity"]})
            if quantity not in names:
                raise unknown("quantity of the board", quantity, names)
            some = _one(stitched[stitched["quantity"] == quantity], "method", stitcher)
        order_a, order_b = (list(dict.fromkeys(rows.loc[rows[name] != "", name])) for name in ("layer_a", "layer_b"))
        wide = some.assign(value=pd.to_numeric(some["value"])).pivot(index="layer_a", columns="layer_b", values="value")
        return wide.reindex(index=in_depth(self.a, order_a), columns=in_depth(self.b, order_b))

    def figure(self) -> Figure | None:
        """Two heat maps side by side: an index, and the accuracy of stitched networks; None where there are neither."""
        return self.experiment.figure(self.rows, ())

    def __repr__(self) -> str:
        return f"<Board: {self.a.name} -> {self.b.name} on {self.dataset}, {len(self.table)} pairs of layers>"

    def __str__(self) -> str:
        return "\n\n".join(self._blocks())

    @cached_property
    def _named(self) -> pd.DataFrame:
        """The rows with methods named by their specs, so that configurations of one are told apart; by their names
        where there is one configuration."""
        rows, names = self.rows, text.specs(self.outcome.methods)
        several = rows.groupby(["kind", "method"])["params"].transform("nunique") > 1
        keys = zip(rows["method"], rows["params"], several, strict=True)
        return rows.assign(method=[names.get(key[:2], key[0]) if key[2] else key[0] for key in keys])

    def _blocks(self) -> Iterator[str]:
        yield f"{self.a.name} in front of {self.b.name}, on {self.dataset}"
        maps = [self._map(*chosen) for chosen in self._chosen()]
        if maps:
            yield side_by_side(maps)
        yield text.table(self.table)
        skipped = self.rows[self.rows["status"] == "skipped"]
        if len(skipped):
            first = skipped["note"].iloc[-1]
            yield f"{len(skipped)} rows are skipped, as measurements.csv says, such as: {first}"
        if self.known:
            yield "on record as: " + ", ".join(f"{old[-1]} for {new[-1]}" for old, new in self.known.items())
        left = {side: count for side, reasons in self.skipped.items() if (count := len(reasons))}
        if left:
            yield "layers that cannot be read: " + ", ".join(f"{count} of {side}" for side, count in left.items())

    def _chosen(self) -> Iterator[tuple[str, str | None, str | None]]:
        """Quantity, stitcher and view of the two maps."""
        ok = self._named[self._named["status"] == "ok"]
        for kind, quantities in (("index", ("similarity",)), ("stitcher", SHOWN)):
            some = ok[(ok["kind"] == kind) & ok["quantity"].isin(quantities)]
            if len(some) and kind == "index":
                yield some["method"].iloc[0], None, some["view"].iloc[0]
            elif len(some):
                yield some["quantity"].iloc[0], some["method"].iloc[0], None

    def _map(self, quantity: str, stitcher: str | None, view: str | None) -> str:
        wide = self.matrix(quantity, stitcher, view)
        title = f"{quantity}, {stitcher or view}; layers of a down, of b across"
        return f"{title}\n{text.table(wide.rename_axis(columns=None).reset_index().rename(columns={'layer_a': ''}))}"


def in_depth(network: Network, layers: list[str]) -> list[str]:
    """The layers that were measured, in the order of the network."""
    known = [layer for layer in network.model.layers if layer in layers]
    return known or layers


def side_by_side(blocks: list[str], gap: str = "    ") -> str:
    """Texts beside each other.

    >>> print(side_by_side(["a\\nbb", "c"], " | "))
    a  | c
    bb |
    """
    lines = [block.splitlines() for block in blocks]
    widths = [max(map(len, block)) for block in lines]
    height = max(map(len, lines))
    padded = [block + [""] * (height - len(block)) for block in lines]
    return "\n".join(
        gap.join(line.ljust(width) for line, width in zip(row, widths, strict=True)).rstrip()
        for row in zip(*padded, strict=True)
    )


def _one(rows: pd.DataFrame, column: str, wanted: str | None) -> pd.DataFrame:
    """The rows with one value of a column. Raises InputError where it is not known, or is to be chosen."""
    names = list(dict.fromkeys(rows[column]))
    noun = {"method": "stitcher"}.get(column, column)
    if wanted is not None and wanted not in names:
        raise unknown(noun, wanted, names)
    if wanted is None and len(names) > 1:
        raise InputError(f"there is more than one {noun}: {', '.join(names)}; name one")
    return rows if wanted is None else rows[rows[column] == wanted]
