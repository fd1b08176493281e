"""What a run says of its units, and the rows of cases that could not be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench.runs.unit import Unit
from simbench.system.raised import told, trace

if TYPE_CHECKING:
    from simbench.measuring.measure import Measured
    from simbench.runs.progress import Progress


def unmeasured(unit: Unit, error: BaseException, reason: str) -> list[Measured]:
    """Failed rows for the cases of a unit that cannot be begun, or did not come back."""
    from simbench.measuring.measure import Measured, failed

    note = f"{reason}: {told(error)}"
    return [Measured(case, (failed(case, note),), 0, 0.0, trace(error)) for case in unit.cases]


def say_failed(result: Measured, progress: Progress) -> None:
    """A line for each failed row."""
    for row in result.rows:
        if row.status == "failed":
            progress.say(f"failed: {result.case.name}: {row.note}")


def place(unit: Unit) -> str:
    """The networks and the layer of a unit; of one that joins several pairs, its method, if it has one only."""
    cases = list(unit.cases)
    first = cases[0]
    pairs = {(case.a, case.b) for case in cases}
    if len(pairs) == 1:
        return f"{first.a.name} -> {first.b.name} {first.place}" if first.place else first.a.name
    methods = {case.method.spec for case in cases if case.method}
    if not methods:
        return f"{len(pairs)} networks"
    what = methods.pop() if len(methods) == 1 else f"{len(methods)} methods"
    places = {case.place for case in cases if case.place}
    return " ".join([f"{what} on {len(pairs)} pairs", *(places if len(places) == 1 else ())])


def advance(unit: Unit, results: list[Measured], progress: Progress, worker: str = "") -> None:
    """Report a unit that is done, and on which worker."""
    count = f"{len(results)} case{'s' if len(results) != 1 else ''}"
    where = f" on {worker}" if worker else ""
    seconds = sum(result.seconds for result in results)
    progress.advance(1, f"{place(unit)}: {count} in {seconds:.1f} s{where}")
