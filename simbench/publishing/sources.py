"""Where results come from: a results folder, or a publication with its records in one archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from simbench.errors import InputError
from simbench.results.store import Contents, Record, Store
from simbench.system.seals import sealed

#: Records and descriptions of runs in a publication.
ARCHIVE = "records.zip"
#: Folders of a store.
FOLDERS = ("records", "runs")


@dataclass(frozen=True, eq=False)
class Source:
    """A folder that somebody gave, its store, and what the store holds."""

    folder: Path
    store: Store
    contents: Contents


def opened(folder: Path, scratch: Path) -> Source:
    """A results folder, or a publication whose archive is unpacked into the new folder `scratch`. InputError where
    there are no records."""
    store, archive = Store(folder), folder / ARCHIVE
    if not (folder / "records").is_dir() and archive.is_file():
        _unpack(archive, scratch)
        store = Store(scratch)
    contents = store.read()
    if not contents.records:
        raise InputError(
            f"{str(folder)!r} holds no records; give a results folder of `simbench run`, or a publication with "
            f"{ARCHIVE}"
        )
    return Source(folder, store, contents)


def archived(store: Store, records: Mapping[str, Record], to: Path) -> None:
    """Write these records, their arrays and all descriptions of runs to one archive; the same records
    always give the same bytes."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in _files(store, records):
            entry = zipfile.ZipInfo(path.relative_to(store.folder).as_posix())
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)


def _files(store: Store, records: Mapping[str, Record]) -> Iterator[tuple[Path, bytes]]:
    """Every file with its content, as if each record had one of its own."""
    for key, record in records.items():
        path = store.file(key)
        yield path, sealed(record.plain).encode()
        if record.arrays:
            yield path.with_suffix(".npz"), store.content(record)
    for path in sorted((store.folder / "runs").glob("*.*")):
        if path.is_file():
            yield path, path.read_bytes()


def _unpack(archive: Path, to: Path) -> None:
    """Only files of a store, by the names that a store gives them: an archive comes from strangers."""
    try:
        with zipfile.ZipFile(archive) as opened:
            for entry in opened.infolist():
                parts = Path(entry.filename).parts
                if entry.is_dir() or not parts or parts[0] not in FOLDERS or ".." in parts or len(parts) > 3:
                    continue
                target = to / Path(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(opened.read(entry))
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise InputError(f"{archive} cannot be read: {error}; fetch it again") from None
