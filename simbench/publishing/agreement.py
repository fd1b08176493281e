"""Do two records of one case agree? Numbers of one case differ between machines by rounding alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simbench.columns import INDEX, NETWORK, STITCHER
from simbench.contracts import Row
from simbench.results.store import Record

#: Largest difference of two values of one case, relative to values above 1: where nothing was trained, and behind a
#: trained stitch, whose rounding errors grow with every step.
DIRECT, TRAINED = 1e-6, 1e-2


@dataclass(frozen=True)
class Conflict:
    """Two values of one number. labels: of the case. values: None where there is no number. sources: folders."""

    key: str
    labels: Mapping[str, object]
    quantity: str
    step: int | None
    values: tuple[float | None, float | None]
    statuses: tuple[str, str]
    sources: tuple[str, str]

    def __str__(self) -> str:
        shown = [
            f"{status if value is None else repr(value)} in {source}"
            for value, status, source in zip(self.values, self.statuses, self.sources, strict=True)
        ]
        of = self.labels
        where = f"{of['model_a']}-{of['seed_a']} -> {of['model_b']}-{of['seed_b']} {of['layer_a']}".strip()
        return f"{of['experiment']} {of['method']} {self.quantity}, {where}: {' and '.join(shown)}"


def tolerance(record: Record) -> float:
    """DIRECT or TRAINED, by what the numbers of a record come from."""
    kind, needs = str(record.labels["kind"]), record.method.get("needs", "")
    direct_stitch = record.method.get("kind") == STITCHER and needs != "task"
    return DIRECT if kind in (INDEX, NETWORK) or direct_stitch else TRAINED


def conflicts(first: Record, second: Record, sources: tuple[str, str], allowed: float | None = None) -> list[Conflict]:
    """The numbers on which two records of one case differ by more than is allowed, by default the `tolerance`, or of
    which one has none."""
    allowed = tolerance(first) if allowed is None else allowed
    mine, theirs = _rows(first), _rows(second)
    differing = []
    for name in dict.fromkeys([*mine, *theirs]):
        a, b = mine.get(name), theirs.get(name)
        if a is None or b is None or not _agree(a, b, allowed):
            values = (a.value if a else None, b.value if b else None)
            statuses = (a.status if a else "nothing", b.status if b else "nothing")
            differing.append(Conflict(first.key, first.labels, *name, values, statuses, sources))
    return differing


def _rows(record: Record) -> dict[tuple[str, int | None], Row]:
    return {(row.quantity, row.step): row for row in record.rows}


def _agree(a: Row, b: Row, allowed: float) -> bool:
    if a.value is None or b.value is None:
        return a.value is b.value and a.status == b.status
    return a.status == b.status and abs(a.value - b.value) <= allowed * max(1.0, abs(a.value), abs(b.value))
