"""Results of several people and machines, joined by the content of each case."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from simbench import columns
from simbench.contracts import BoardColumn
from simbench.errors import InputError
from simbench.publishing.agreement import Conflict, conflicts
from simbench.publishing.figures import draw
from simbench.publishing.sources import Source, opened
from simbench.registry import Registry
from simbench.results import folder as tables
from simbench.results.segments.packing import RECORDS, pack, pack_many
from simbench.results.store import Store
from simbench.results.tables import write

#: What to do about conflicts.
KEEP = ("first", "both")


@dataclass(frozen=True)
class Merged:
    """records: number in the merged folder. added: source -> how many it gave. shared: cases that several sources have.
    conflicts: numbers that differ. corrupt: files that were left out. undrawn: experiment -> why its figure was not
    drawn."""

    records: int
    added: Mapping[str, int]
    shared: int
    conflicts: tuple[Conflict, ...]
    corrupt: tuple[Path, ...]
    undrawn: Mapping[str, str] = field(default_factory=dict)


class Conflicting(InputError):
    """Values of one case differ. conflicts: all of them."""

    def __init__(self, differing: Sequence[Conflict]) -> None:
        self.conflicts = tuple(differing)
        cases = len({each.key for each in differing})
        super().__init__(
            f"{len(differing)} numbers of {cases} cases differ by more than rounding, such as {differing[0]}; give "
            "--keep first, or --keep both to list the others in conflicts.csv"
        )


def merge(
    folders: Sequence[Path],
    to: Path,
    keep: str = "",
    tolerance: float | None = None,
    declared: Mapping[str, BoardColumn] = columns.NONE,
    registry: Registry | None = None,
) -> Merged:
    """Join the records of results folders or publications into the new folder `to`, and derive its tables.

    A case is the same where everything that its numbers depend on is. Of a case that several sources have, the first
    record without a failed row is taken. Two records whose numbers differ by more than the tolerance (see
    `simbench.publishing.agreement`) are a conflict.

    keep: "" raises Conflicting for conflicts, "first" takes the first record, and "both" takes it, too, and lists both
    values in conflicts.csv. tolerance: for all values, in place of the usual ones. declared: as for `tables.publish`.
    registry: of the experiments whose figures are drawn; none is without it.

    `to` is complete or not there. Raises InputError for folders without records and for a `to` that exists.
    """
    if keep not in ("", *KEEP):
        raise InputError(f"--keep is {keep!r}; allowed: {', '.join(KEEP)}")
    if os.path.lexists(to):
        raise InputError(f"{str(to)!r} exists already; give a new folder with --to")
    to.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".tmp-", dir=to.parent))
    try:
        sources = [opened(folder, work / f"source-{k}") for k, folder in enumerate(folders)]
        chosen, shared, differing = _chosen(sources, tolerance)
        if differing and not keep:
            raise Conflicting(differing)
        merged = work / "merged"
        _write(chosen, sources, Store(merged))
        if differing and keep == "both":
            write(_table(differing), merged / "conflicts.csv")
        contents = Store(merged).read()
        tables.publish(contents, merged, anew=True, declared=declared)
        undrawn = draw(contents, merged, registry) if registry else {}
        pack_many(Store(merged))
        os.chmod(merged, 0o755)
        os.replace(merged, to)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    added = {str(source.folder): sum(owner is source for owner in chosen.values()) for source in sources}
    corrupt = tuple(path for source in sources for path in source.contents.corrupt)
    return Merged(len(chosen), added, shared, tuple(differing), corrupt, undrawn)


def _chosen(sources: Sequence[Source], tolerance: float | None) -> tuple[dict[str, Source], int, list[Conflict]]:
    """Key -> the source whose record is taken, how many keys several sources have, and the conflicts."""
    chosen: dict[str, Source] = {}
    shared, differing = set(), []
    for source in sources:
        for key, record in source.contents.records.items():
            if key not in chosen:
                chosen[key] = source
                continue
            shared.add(key)
            owner = chosen[key]
            held = owner.contents.records[key]
            if held.failed and not record.failed:
                chosen[key] = source
            elif held.failed == record.failed and not held.failed:
                differing += conflicts(held, record, (str(owner.folder), str(source.folder)), tolerance)
    return chosen, len(shared), differing


def _write(chosen: Mapping[str, Source], sources: Sequence[Source], to: Store) -> None:
    """Descriptions of runs, under new names where two sources use one for different runs, and the records."""
    names: dict[tuple[int, str], str] = {}
    taken: dict[str, dict] = {}
    for k, source in enumerate(sources):
        for name, description in source.contents.runs.items():
            new = name if taken.setdefault(name, description) == description else f"{name}-{k + 1}"
            names[k, name] = new
            taken[new] = description
    for name, description in taken.items():
        to.put_run(name, description)
    written = 0
    for k, source in enumerate(sources):
        for key, record in source.contents.records.items():
            if chosen[key] is not source:
                continue
            run = names.get((k, record.run), record.run)
            to.put(replace(record, run=run, arrays=""), source.store.arrays(record) if record.arrays else None)
            written += 1
            if written % RECORDS == 0:
                pack(to)


def _table(differing: Sequence[Conflict]) -> pd.DataFrame:
    rows = [
        {name: each.labels[name] for name in columns.CASE}
        | {"quantity": each.quantity, "step": each.step}
        | {
            f"{what}_{side}": value
            for what, pair in _sides(each).items()
            for side, value in zip("ab", pair, strict=True)
        }
        for each in differing
    ]
    return pd.DataFrame(rows, columns=list(columns.CONFLICTS)).astype({"step": "Int64"})


def _sides(each: Conflict) -> dict[str, tuple]:
    return {"value": each.values, "status": each.statuses, "source": each.sources}
