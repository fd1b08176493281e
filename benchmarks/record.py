"""Results of a benchmark as rows of results/speed/<name>.csv, and how they were taken in results/speed/runs.csv."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import torch

from simbench.system.provenance import machine, versions

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "results" / "speed"


@dataclass(frozen=True)
class Figure:
    """One number against its target.

    target: its number in benchmarks/README.md. what: the work. where: network and layer, or sizes. against: what it
    is compared with. seconds, against_seconds: medians, None if the figure is not a time. value, unit: the figure
    ("x" is a ratio, theirs over ours); low, high: its extremes over the repeats. wanted: the target, a lower bound (an
    upper bound if `smaller`), None if there is none. difference, tolerance: the difference between the numbers of both
    sides, and the largest one allowed.
    """

    target: str
    what: str
    where: str
    against: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    wanted: float | None = None
    smaller: bool = False
    seconds: float | None = None
    against_seconds: float | None = None
    repeats: int = 1
    difference: float | None = None
    tolerance: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """None if there is no target. Never rounded up."""
        if self.wanted is None:
            return None
        return self.value <= self.wanted if self.smaller else self.value >= self.wanted


def write(name: str, figures: Iterable[Figure], folder: Path = FOLDER) -> Path:
    """Write the figures of one script, and a line that says how they were taken."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.csv"
    rows = [asdict(figure) | {"met": figure.met} for figure in figures]
    _table(path, [*(field.name for field in fields(Figure)), "met"], rows)
    runs = folder / "runs.csv"
    others = [row for row in _read(runs) if row["name"] != name]
    words = ["FOLDER" if Path(word).is_absolute() else word for word in sys.argv[1:]]  # paths of this machine
    command = " ".join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *words])
    _table(
        runs,
        ["name", "command", "date", "machine", "threads", "versions"],
        [
            *others,
            {
                "name": name,
                "command": command,
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
                "machine": machine(),
                "threads": torch.get_num_threads(),
                "versions": versions(),
            },
        ],
    )
    return path


def read(name: str, folder: Path = FOLDER) -> list[dict[str, str]]:
    """Rows of a script's figures, as text; none if it was never run."""
    return _read(folder / f"{name}.csv")


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def _table(path: Path, columns: list[str], rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _plain(value) for key, value in row.items()} for row in rows)


def _plain(value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4g}" if isinstance(value, float) else str(value)
