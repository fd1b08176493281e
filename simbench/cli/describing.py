"""What `simbench list` says of an index: in a line, and in full."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simbench.contracts import Index, Plugin
    from simbench.registry import Entry

#: Headings of the table of indices, and the width that each may take.
HEADINGS = ("indices", "direction", "claims", "views", "cost", "parameters", "package", "source")
WIDTHS = (None, None, 34, 22, 24, 36, None, 40)


def line(name: str, entry: Entry) -> tuple[str, ...]:
    """A row of the table of indices."""
    from simbench.contracts.case import parameters
    from simbench.results import claims

    index: Index = entry.plugin
    try:
        direction = "similarity" if index.claims.direction > 0 else "distance"
        shown = (direction, claims.of_index(index).words(), _views(index), cost(index))
    except Exception as error:  # of a plugin, whose package stands in the same row
        shown = ("", f"cannot be read: {type(error).__name__}", "", "")
    return (name, *shown, parameters(index).replace(",", ", "), entry.owner, index.source)


def in_full(plugin: Plugin, entry: Entry) -> Iterator[str]:
    """Lines that describe one configured plugin."""
    from tabulate import tabulate

    from simbench.contracts.fields import text

    yield f"{plugin.spec}, version {plugin.version}, of {entry.owner}"
    yield ""
    yield inspect.getdoc(type(plugin)) or "(not described)"
    yield ""
    rows = [("source", plugin.source), *(_of_index(plugin) if plugin.kind == "indices" else ())]
    yield tabulate(rows, tablefmt="plain", maxcolwidths=[None, 100])
    if plugin.params:
        yield ""
        given = zip(plugin.params.items(), _allowed(plugin), strict=True)
        rows = [(name, text(value), allowed) for (name, value), allowed in given]
        yield tabulate(rows, headers=["parameter", "value", "allowed"], maxcolwidths=[None, 40, 60])


def _of_index(index: Index) -> Iterator[tuple[str, str]]:
    from simbench.results import claims

    yield from claims.of_index(index).in_full().items()
    yield "views", _views(index)
    yield "cost", cost(index)
    if index.needs == "samples":
        yield "rows", "all" if index.max_rows is None else f"at most {index.max_rows}, drawn with a seed"
    if index.control:
        yield "control", "yes: it is there to be beaten"


def _views(index: Index) -> str:
    claims = index.claims
    turnable = all({"orthogonal", "translation"} <= side for side in (claims.invariances_a, claims.invariances_b))
    if index.needs == "samples" or turnable:
        return "all"
    return "spatial, pooled; flat if images outnumber neurons"


def cost(index: Index) -> str:
    """Whether it is computed from sums that stream, once for each side, or for each pair; and why it is slow."""
    cost = "moments" if index.needs == "moments" else "per side" if index.prepares else "per pair"
    return f"{cost}; slow: {index.slow}" if index.slow else cost


def _allowed(plugin: Plugin) -> Iterator[str]:
    """The values that each parameter may have, in words."""
    from simbench.contracts.fields import NOUNS
    from simbench.grammar import allowed

    try:
        hints = typing.get_type_hints(type(plugin))
    except NameError:
        hints = {}
    for f in fields(plugin) if is_dataclass(plugin) else ():
        if "kind" in f.metadata:
            yield f"a configured {NOUNS[f.metadata['kind']]}"
        elif "bounds" in f.metadata:
            numbers = isinstance(f.default, tuple)
            bounds = str(f.metadata["bounds"])
            none = ", or none" if f.default is None else ""
            yield bounds.replace("number", "numbers", 1) if numbers else f"a {bounds}{none}"
        else:
            yield allowed(hints[f.name]) if f.name in hints else str(f.type)
