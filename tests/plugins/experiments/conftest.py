"""What tests of experiments share."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from simbench.columns import MEASUREMENTS
from simbench.results import folder as publish


@pytest.fixture
def run_command(small_registry, tmp_path, cache, monkeypatch, capsys) -> Callable[..., pd.DataFrame]:
    """run_command(experiment, words, ...): measurements.csv of two `net` on `blobs`, by the command line.

    The command is run once for each tuple of words, which it prints. It leaves measurements that are all ok and of
    which no two say the same, and one figure of at least so many bytes.
    """
    from simbench.cli import main

    monkeypatch.setattr("simbench.cli.installed.installed", lambda: small_registry)
    results = tmp_path / "results"

    def run_command(
        experiment: str, *printed: tuple[str, ...], layers: str = "bn1", figure: int = 10_000
    ) -> pd.DataFrame:
        options = {
            "experiments": experiment,
            "models": "net",
            "datasets": "blobs",
            "seeds": "2",
            "layers": layers,
            "results": str(results),
        }
        for words in printed:
            with pytest.raises(SystemExit) as end:
                main(["run", *(word for name, value in options.items() for word in (f"--{name}", value))])
            out = capsys.readouterr().out
            assert not end.value.code and all(word in out for word in words), out
        rows = publish.read(results, "measurements.csv")
        assert set(rows["status"]) == {"ok"}
        assert not rows.duplicated([name for name in MEASUREMENTS if name != "value"]).any()
        (png,) = (results / "figures").glob("*.png")
        assert png.stat().st_size > figure
        return rows

    return run_command
