"""Packing: finished records of a results folder go from files of their own into segments.

A segment is on the disk under its name before a file that it replaces is removed, so nothing is lost when the process
is killed. Files that are written anew meanwhile stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from simbench.results.record import Record
from simbench.results.segments import locks
from simbench.results.segments.columnar import BATCH
from simbench.results.segments.drafts import WORK, Draft
from simbench.results.segments.held import Records
from simbench.results.segments.segment import FOLDER, MARK, MARKED, PACK, SUFFIX, Segment
from simbench.results.store import Store
from simbench.system.atomic import stamp
from simbench.system.seals import put, sealed

#: Most records of a segment, and most bytes of its pack; one that is half as full is packed again with others.
RECORDS, BYTES = 2**16, 2**30
#: Files of records that a folder may have before they are packed: reading them takes 2 seconds of CPU.
MANY = 10_000
#: Files that are removed while no record can be written.
REMOVED = 500


@dataclass(frozen=True)
class Packed:
    """records: how many were packed. segments: how many files hold them now. left: why nothing was done, else ""."""

    records: int = 0
    segments: int = 0
    left: str = ""


def pack_many(store: Store) -> Packed:
    """Pack the records of a folder with more than `MANY` files of records."""
    files = sum(1 for _ in islice(store.files(), MANY + 1))
    return pack(store) if files > MANY else Packed()


def pack(store: Store, most: int = RECORDS) -> Packed:
    """Pack every finished record of a folder that has a file of its own, and segments that are half empty.

    most: records of a segment. Records with failed rows stay, as do damaged ones. InputError where the folder cannot
    be written, or has no file locks.
    """
    store.check_writable()
    records = store.folder / "records"
    if not records.is_dir():
        return Packed()
    with locks.packing(records) as mine:
        if not mine:
            return Packed(left="another process is packing its records")
        packing = _Packing(store, most)
        try:
            return packing.run()
        finally:
            packing.clear()


class _Packing:
    """One packing, alone in its folder."""

    def __init__(self, store: Store, most: int) -> None:
        self.store, self.most = store, most
        self.records = store.folder / "records"
        self.folder = self.records / FOLDER
        self.count = 0
        self.replaced: list[tuple[Path, tuple[int, ...]]] = []
        self.merged: list[Segment] = []

    def run(self) -> Packed:
        self.folder.mkdir(exist_ok=True)
        self.clear()  # what packings left that were killed
        held, _ = self.store.segments()
        live = {segment.path: held.live(number) for number, segment in enumerate(held.segments)}
        loose = [each for each in held.segments if len(live[each.path]) <= max(self.most, len(each)) // 2]
        draft, singles = Draft(self.folder), self._singles()
        first = next(singles, None)
        for segment in loose if first or len(loose) > 1 else ():
            draft.add_segment(segment, live[segment.path])
            self.merged.append(segment)
            draft = self._written(draft, full=True)
        while first:
            self._add(draft, first)
            draft = self._written(draft, full=True)
            first = next(singles, None)
        self._written(draft, full=False)
        self._sweep()
        return Packed(self.count, len(list(self.folder.glob(f"*{SUFFIX}"))))

    def clear(self) -> None:
        """Remove unfinished files."""
        for path in self.folder.glob(f"{WORK}*"):
            path.unlink()

    def _singles(self) -> Iterator[list[tuple[Path, tuple[int, ...], Record]]]:
        """Finished records in batches, each with its file and the stamp that this had before it was read."""
        batch = []
        for path in self.store.files():
            seen = stamp(path)
            record = self.store.sound(path)
            if record is not None and not record.failed:
                batch.append((path, seen, record))
            if len(batch) == min(BATCH, self.most):
                yield batch
                batch = []
        if batch:
            yield batch

    def _add(self, draft: Draft, batch: list[tuple[Path, tuple[int, ...], Record]]) -> None:
        arrays = [self.store.packed(record) if record.arrays else b"" for _, _, record in batch]
        kept = draft.add([record for _, _, record in batch], arrays)
        added = [
            each for each, keep, data in zip(batch, kept, arrays, strict=True) if keep and (data or not each[2].arrays)
        ]
        self.replaced += [(path, seen) for path, seen, _ in added]
        self.count += len(added)

    def _written(self, draft: Draft, full: bool) -> Draft:
        """Write a draft that is full, or the last one, and remove what it replaces; returns the one to go on with."""
        if not len(draft) or (full and len(draft) < self.most and draft.bytes < BYTES):
            return draft
        self._mark()
        numbers = [int(path.name[:8]) for path in self.folder.glob(f"*{SUFFIX}") if path.name[:8].isdigit()]
        written = Segment(draft.write(max(numbers, default=0) + 1))
        lost = {path.stem for path, _ in self.replaced} - set(Records({}, [written]))
        if lost:
            raise OSError(f"{written.path} does not give back what was written to it; nothing was removed")
        for start in range(0, len(self.replaced), REMOVED):
            with locks.removing(self.records):
                for path, seen in self.replaced[start : start + REMOVED]:
                    if stamp(path) == seen:  # else it was written anew
                        path.unlink()
                        path.with_suffix(".npz").unlink(missing_ok=True)
        for segment in self.merged:
            segment.path.unlink()
        self.replaced, self.merged = [], []
        return Draft(self.folder)

    def _mark(self) -> None:
        """The note to an older simbench, before the first segment is there."""
        path = self.store.file(MARK)
        if not path.is_file():
            empty = Record(MARK, MARKED, {}, {}, (), 0.0, "")
            put(path, sealed(empty.plain))

    def _sweep(self) -> None:
        """Remove packs that no segment names any more, and arrays whose record was packed."""
        held, faults = self.store.segments()
        named = {segment.pack_path for segment in held.segments}
        for path in () if faults else self.folder.glob(f"*{PACK}"):  # a damaged segment may be of one
            if path not in named:
                path.unlink()
        alone = [path for path in self.records.glob("??/*.npz") if not path.with_suffix(".json").exists()]
        for start in range(0, len(alone), REMOVED):
            with locks.removing(self.records):
                for path in alone[start : start + REMOVED]:
                    if not path.with_suffix(".json").exists() and path.stem in held:
                        path.unlink(missing_ok=True)
