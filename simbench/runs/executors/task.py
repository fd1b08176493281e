"""What a worker does: the work of a parcel; and it ends what it has left when the run is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from simbench.contracts.selection import Selection
from simbench.runs import parcels
from simbench.runs.executors.apart import Apart
from simbench.runs.reporting import unmeasured
from simbench.runs.unit import Unit
from simbench.system.interrupts import watched

if TYPE_CHECKING:
    from simbench.measuring.bench import Workbench
    from simbench.measuring.measure import Measured


@dataclass(frozen=True)
class Terms:
    """How a run has its units measured.

    run: name of the run. timeout: seconds that a case may take, or None. threads: of torch; None leaves them as they
    are. apart: whether cases are measured in a process beside that of the worker.
    """

    run: str
    timeout: float | None
    threads: int | None
    apart: bool


#: One at a time: what is measured may depend on settings of the process.
_turn = threading.Lock()
#: Run -> the process beside this one that measures its cases. Runs that are over.
_beside: dict[str, Apart] = {}
_over: set[str] = set()


def work(
    parcel: parcels.Parcel, pieces: Iterable[parcels.Piece], terms: Terms, wait: float = 0.0
) -> parcels.Done | parcels.Missing | parcels.Refused:
    """Do the work of a parcel. pieces: contents that come along. wait: seconds before it is begun."""
    time.sleep(wait)
    with _turn, watched():
        _settle(terms)
        return parcels.work(parcel, pieces, partial(_measured, terms=terms))


def over(run: str) -> None:
    """The run is over: what it has under way here ends, and so does the process beside this one."""
    _over.add(run)
    if run in _beside:
        _beside[run].kill()
        if _turn.acquire(blocking=False):  # else the unit under way ends now, and closes it
            try:
                _close(run)
            finally:
                _turn.release()
    forget()


def measure_unit(unit: Unit) -> list[Measured]:
    """Measure the cases of a unit on the bench that this process caches for its selection."""
    from simbench.measuring.measure import measure

    try:
        bench = _bench(unit.selection, unit.device, unit.memory)
        bench.select(unit.selection)  # the bench may have been made for another tile of the same networks
    except Exception as error:  # of a data set, say
        return unmeasured(unit, error, "the data cannot be used")
    return [measure(case, bench) for case in unit.cases]


def forget() -> None:
    """Free what this process keeps for the units that follow."""
    _bench.cache_clear()


def _settle(terms: Terms) -> None:
    import torch

    if terms.threads is not None and torch.get_num_threads() != terms.threads:
        torch.set_num_threads(terms.threads)


def _measured(unit: Unit, terms: Terms) -> list[Measured]:
    if not terms.apart and terms.timeout is None:
        return measure_unit(unit)
    apart = _beside.setdefault(terms.run, Apart(terms.timeout))
    results: list[Measured] = []
    for case in unit.cases:
        if terms.run in _over:
            break
        results.append(apart.measure(unit, case))
    if terms.run in _over:
        _close(terms.run)
    return results


def _close(run: str) -> None:
    if run in _beside:
        _beside.pop(run).close()


@lru_cache(maxsize=1)
def _bench(selection: Selection, device: str, memory: int) -> Workbench:
    from simbench.measuring.bench import Workbench

    return Workbench(selection, device, memory)
