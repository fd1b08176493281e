"""A whole run in this process, from a request to tables and figures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import simbench


def go(request: simbench.Request, registry: simbench.Registry) -> tuple[simbench.Outcome, pd.DataFrame, list[Path]]:
    """How it went, measurements.csv and the figures that were drawn."""
    outcome = simbench.run(request, registry=registry)
    assert not outcome.undrawn, outcome.undrawn
    return outcome, outcome.measurements, list(outcome.figures)
