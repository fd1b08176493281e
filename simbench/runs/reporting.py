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
    """The networks and the layer of a unit."""
    first = unit.cases[0]
    pairs = {(case.a, case.b) for case in unit.cases}
    who = f"{first.a.name} -> {first.b.name}" if len(pairs) == 1 else f"{first.method.spec} on {len(pairs)} pairs"
    return f"{who} {first.place}" if first.place else first.a.name


def advance(unit: Unit, results: list[Measured], progress: Progress, worker: str = "") -> None:
    """Report a unit that is done, and on which worker."""
    count = f"{len(results)} case{'s' if len(results) != 1 else ''}"
    where = f" on {worker}" if worker else ""
    seconds = sum(result.seconds for result in results)
    progress.advance(1, f"{place(unit)}: {count} in {seconds:.1f} s{where}")
