"""The store with 10,000 to 1,000,000 records: writing, packing, opening, and what tables take (target 10).

Every point is measured in a new process, in seconds of CPU, on synthetic records that look like those of the default
run (`made_records.py`). Memory is the peak above that at the start.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from command import answer, asked
from footprint import footprint
from made_records import made, segments
from record import Figure

from simbench.results import frames, tables
from simbench.results.segments.packing import pack
from simbench.results.store import Store

FILES, SEGMENTS = (10_000,), (10_000, 100_000, 1_000_000)
#: Seconds of CPU in which a folder of the most records has to open, and the most memory of it, in MiB.
OPEN, MEMORY = 10.0, 1024.0
Laps = dict[str, tuple[float, float]]


def laps(works: dict[str, Callable[[], object]]) -> Laps:
    """Name -> seconds of CPU and mebibytes of each piece of work, one after the other."""
    found = {}
    for name, work in works.items():
        start = time.process_time()
        taken = footprint(work)
        found[name] = time.process_time() - start, taken.mebibytes
    return found


def of_files(number: int) -> Laps:
    """Records with a file each."""
    with tempfile.TemporaryDirectory() as folder:
        store, given = Store(Path(folder)), list(made(number, arrays=True))
        return laps(
            {
                "writing, a file each": lambda: [store.put(record, arrays) for record, arrays in given],
                "opening, a file each": lambda: Store(store.folder).read(),
                "packing": lambda: pack(store),
            }
        )


def of_segments(number: int) -> Laps:
    """Records in segments."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        segments(folder, number)
        held = {}

        def opened() -> None:
            held["contents"] = Store(folder).read()
            held["keys"] = len(held["contents"].records)

        def recorded() -> None:
            done = held["contents"].finished(held["names"])
            assert done.all()

        def tabulated() -> None:
            held["frame"] = frames.of(held["contents"].records)
            held["measurements"] = tables.measurements(held["frame"])
            held["timings"] = tables.timings(held["frame"])

        first = laps({"opening": opened})
        held["names"] = list(held["contents"].records)
        return first | laps(
            {
                "which cases are on record": recorded,
                "tabulating": tabulated,
                "writing measurements.csv": lambda: tables.write(held["measurements"], folder / "measurements.csv"),
                "reading measurements.csv": lambda: tables.read(folder / "measurements.csv"),
            }
        )


def point(kind: str, number: int) -> Laps:
    """A point, measured in a new process."""
    done = subprocess.run([sys.executable, __file__, kind, str(number)], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{kind}, {number}: {done.stderr}")
    return json.loads(done.stdout)


def figures(kind: str, number: int, most: int) -> Iterator[Figure]:
    """Seconds and memory of every piece of work; opening has targets at the largest number."""
    for what, (seconds, memory) in point(kind, number).items():
        aim = (OPEN, MEMORY) if what == "opening" and number == most else (None, None)
        where = f"{number:,} records"
        yield Figure("10", what, where, "", seconds, "s", wanted=aim[0], smaller=True, seconds=seconds)
        yield Figure("10", f"{what}, memory", where, "", memory, "MiB", wanted=aim[1], smaller=True)


def main() -> None:
    given = asked(__doc__.splitlines()[0])
    files, packed = ((24,), (24,)) if given.quick else (FILES, SEGMENTS)
    points = [*(("files", number) for number in files), *(("segments", number) for number in packed)]
    answer("records", (each for kind, number in points for each in figures(kind, number, max(packed))), given.out)


if __name__ == "__main__":
    if sys.argv[1:2] in (["files"], ["segments"]):
        print(json.dumps({"files": of_files, "segments": of_segments}[sys.argv[1]](int(sys.argv[2]))))
    else:
        main()
