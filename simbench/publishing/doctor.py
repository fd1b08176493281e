"""The doctor: every file of a results folder and of the cache against its hash and its form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from simbench import columns
from simbench.contracts import BoardColumn
from simbench.networks.weights import NOTE
from simbench.results import folder as tables
from simbench.results import schema
from simbench.results.places import misplaced
from simbench.results.segments import held
from simbench.results.segments.mending import mend
from simbench.results.segments.segment import CORRUPT, FOLDER, SUFFIX, Segment
from simbench.results.store import Contents, Store
from simbench.system.aside import make_way
from simbench.system.cache import cache_folder
from simbench.system.seals import content_of, unsealed

#: Hash of the decoded images of a data set beside them.
CONTENTS = "contents.json"
#: Tables that options of `simbench leaderboard` change; their form alone is verified.
CHOSEN = ("leaderboard.csv", "comparisons.csv")
_HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Finding:
    """A bad file. reason: the end of "it is ...". heal: the files to remove, so that the next run makes them anew; ()
    where that would lose what cannot be computed again."""

    path: Path
    reason: str
    heal: tuple[Path, ...] = ()


def examined(results: Path, declared: dict[str, BoardColumn]) -> Iterator[Finding]:
    """What is bad in a results folder and in the cache folder. declared: as for `folder.publish`."""
    store = Store(results)
    contents = store.read()
    for path, kind in misplaced(results):
        yield Finding(path, f"no {kind}", () if path.is_dir() and any(path.iterdir()) else (path,))
    for path, fault in contents.faults.items():
        if path.parent.suffix != SUFFIX:
            again = not fault.startswith(schema.LATER) and path.parent.name != "runs" and _ours(path)
            own = dict.fromkeys((path, path.with_suffix(".json")))  # a record without its arrays is one, too
            yield Finding(path, fault, tuple(own) if again else ())
    for segment in store.segments()[0].segments:
        damaged = list(segment.damaged())
        yield from _segment(segment, damaged)
        if damaged:  # tables of the others: these cannot be read
            contents = replace(contents, records=held.of(contents.records).without(segment.path))
    yield from _tables(contents, store, declared)
    yield from _weights()
    yield from _checkpoints()
    yield from _datasets()
    yield from _panels()


def heal(finding: Finding) -> list[Path]:
    """Remove the files of a finding. A folder that holds anything is moved aside instead; returns its new paths."""
    moved = []
    for path in finding.heal:
        if path.suffix == SUFFIX and path.parent.name == FOLDER and path.is_file():
            mend(Store(path.parents[2]), path)
        elif path.is_dir() and not path.is_symlink():
            moved += filter(None, [make_way(path)])
        else:
            path.unlink(missing_ok=True)
    return moved


def _ours(path: Path) -> bool:
    """Whether a file has a name that simbench gives: a hash, or, of a segment, any."""
    return path.suffix == SUFFIX or bool(_HASH.fullmatch(path.stem))


def _segment(segment: Segment, damaged: list[str]) -> Iterator[Finding]:
    """A segment with records that are not what was written. What is sound in one that is removed is kept."""
    bad = segment.faults | dict.fromkeys(damaged, CORRUPT)
    if bad:
        later = any(fault.startswith(schema.LATER) for fault in bad.values())
        key, fault = next(iter(bad.items()))
        reason = f"{fault} in {len(bad)} of {len(segment)} records, such as {key}"
        yield Finding(segment.path, reason, () if later else (segment.path,))


def _tables(contents: Contents, store: Store, declared: dict[str, BoardColumn]) -> Iterator[Finding]:
    """Tables that differ from those that the records give; rows of runs may come first or last, by their labels."""
    present = [name for name in (*tables.FILES, tables.CUTS) if (store.folder / name).is_file()]
    if not contents.records:
        yield from (Finding(store.folder / name, "without records") for name in present)
        return
    with TemporaryDirectory() as scratch:
        if present:
            tables.publish(contents, Path(scratch), anew=True, declared=declared, store=store)
        for name in present:
            path = store.folder / name
            if name in CHOSEN:
                found = path.read_text(errors="replace").partition("\n")[0].split(",")
                table = columns.board(declared) if name == "leaderboard.csv" else columns.TABLES[name]
                if found != list(table):
                    yield Finding(path, "of other columns than this simbench writes", (path,))
            elif not (Path(scratch) / name).is_file() or path.read_bytes() != (Path(scratch) / name).read_bytes():
                yield Finding(path, "not what the records give", (path,))


def _weights() -> Iterator[Finding]:
    for file in _named("weights", "*.pt"):
        sidecar = file.with_suffix(".json")
        entry, both = unsealed(sidecar, **NOTE), (file, sidecar) if _ours(file) else ()
        if entry is None:
            yield Finding(sidecar, "missing or corrupt", both)
        elif entry.get("file") != content_of(file):
            yield Finding(file, "corrupt", both)
    for sidecar in _named("weights", "*.json"):
        file = sidecar.with_suffix(".pt")
        if not file.exists():
            yield Finding(file, "missing", (sidecar,) if _ours(sidecar) else ())


def _checkpoints() -> Iterator[Finding]:
    """The notes of checkpoints and architectures, which are computed again when they are missing."""
    for name in ("checkpoints", "graphs"):
        for file in _named(name, "*.json"):
            if unsealed(file) is None:
                yield Finding(file, "corrupt", (file,) if _ours(file) else ())


def _datasets() -> Iterator[Finding]:
    """Sealed notes beside data sets, decoded images and fetched files, by the hashes in them. What was fetched or put
    there by hand is not removed: a bad note alone is, and the data set mends its files when it is used next."""
    for file in _named("datasets", "**/*.json"):
        if file.name != CONTENTS:
            if file.name.startswith("fingerprint-") or file.parent == cache_folder("datasets"):
                note = unsealed(file)
                yield from [Finding(file, "corrupt", (file,))] if note is None else _fetched(note)
            continue
        hashes = unsealed(file)
        if hashes is None:
            yield Finding(file, "corrupt", (file,))
            continue
        for name, content in hashes.items():
            if content_of(file.parent / name) != content:
                yield Finding(file.parent / name, "missing or corrupt", (file.parent / name, file))


def _fetched(note: dict) -> Iterator[Finding]:
    """Files of a data set that differ from what they were when it was fetched. Older notes name no folder."""
    if isinstance(note.get("folder"), str) and isinstance(note.get("contents"), dict):
        for name, content in note["contents"].items():
            path = cache_folder("datasets", note["folder"], name)
            if content and content_of(path) != content:
                yield Finding(path, "missing or not what was fetched (the data set mends it when it is used next)")


def _panels() -> Iterator[Finding]:
    """Fetched panels, each named by its own hash."""
    for file in _named("panels", "*.safetensors"):
        if content_of(file) != file.stem:
            yield Finding(file, "not what was fetched", (file,) if _ours(file) else ())


def _named(folder: str, pattern: str) -> list[Path]:
    return sorted(path for path in cache_folder(folder).glob(pattern) if not path.name.startswith("."))
