"""What every experiment refuses, and what its summary and its figure must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
import pytest

from simbench import Experiment, InputError
from simbench.columns import MEASUREMENTS
from simbench.contracts import Kept
from simbench.measuring.measure import Measured
from simbench.results import folder as publish
from simbench.results import tables


def assert_refused(make: Callable[[], object], reason: str) -> None:
    """Making it is an InputError of one line that gives the reason."""
    with pytest.raises(InputError) as caught:
        make()
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def assert_nothing_is_shown(experiment: Experiment, rows: pd.DataFrame) -> None:
    """Of measurements without a number there is neither a figure nor a row."""
    assert experiment.figure(rows, []) is None and experiment.summary(rows).empty


def table_of(measured: Iterable[Measured]) -> pd.DataFrame:
    """The rows of measured cases, with the columns of measurements.csv."""
    rows = [
        one.case.labels
        | {"samples": one.samples, "step": row.step, "status": row.status, "note": row.note}
        | {"quantity": row.quantity, "value": row.value}
        for one in measured
        for row in one.rows
    ]
    return pd.DataFrame(rows)[list(MEASUREMENTS)]


def assert_same_from_file(
    experiment: Experiment, rows: pd.DataFrame, folder: Path, kept: list[Kept], axes: int, check_dtype: bool = True
) -> None:
    """Measurements that were written and read again have the same summary, and a figure of as many axes and images."""
    rows = rows.assign(step=pd.array(pd.to_numeric(rows["step"]), dtype="Int64"))
    tables.write(rows, folder / "measurements.csv")
    again = publish.read(folder, "measurements.csv")
    pd.testing.assert_frame_equal(experiment.summary(again), experiment.summary(rows), check_dtype=check_dtype)
    drawn, wanted = ([len(each.images) for each in experiment.figure(read, kept).axes] for read in (again, rows))
    assert drawn == wanted and len(drawn) == axes
    assert not kept or sum(drawn)
