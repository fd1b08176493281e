"""The time before anything is measured, in whole processes (target 9).

`simbench --help`, `simbench list`, and a run whose cases are all recorded: the records are made once, in a
temporary folder, with networks trained for one epoch. With --quick, a few cases of networks from your own cache.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from command import answer, asked
from record import Figure

SIMBENCH = Path(sysconfig.get_path("scripts")) / "simbench"
#: 4 networks, 12 ordered pairs at 8 layers, 11 methods: 1,060 cases, all of them fast to compute.
MANY = (
    "--models",
    "tiny10[epochs=1]",
    "--seeds",
    "4",
    "--max-samples",
    "64",
    "--indices",
    "all,cka[estimator=debiased],svcca[variance=0.9]",
    "--stitchers",
    "identity,least_squares,procrustes,permutation",
)
FEW = (
    "--models",
    "tiny10",
    "--seeds",
    "2",
    "--max-samples",
    "64",
    "--layers",
    "bn8",
    "--indices",
    "cka",
    "--stitchers",
    "identity",
)
REPEATS = 7


def typed(words: tuple[str, ...], environment: Mapping[str, str]) -> tuple[float, str]:
    """Seconds of a whole process, and its stderr."""
    start = time.perf_counter()
    done = subprocess.run([SIMBENCH, *words], env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"simbench {' '.join(words)}: {done.stderr or done.stdout}")
    return seconds, done.stderr


def figure(
    words: tuple[str, ...], what: str, where: str, wanted: float, environment: Mapping[str, str], repeats: int
) -> Figure:
    """Median of whole processes."""
    seconds = [typed(words, environment)[0] for _ in range(repeats)]
    median = statistics.median(seconds)
    return Figure("9", what, where, "", median, "s", min(seconds), max(seconds), wanted, True, median, repeats=repeats)


def on_record(said: str) -> int:
    """Number of cases of a run that has nothing to measure, from its first line on stderr."""
    cases, recorded, pending = map(
        int, re.search(r"^(\d+) cases: (\d+) on record, (\d+) to measure", said, re.MULTILINE).groups()
    )
    if pending or cases != recorded:
        raise RuntimeError(f"the run is not finished: {said}")
    return cases


def main() -> None:
    given = asked(__doc__.splitlines()[0])
    repeats = 1 if given.quick else REPEATS
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | ({} if given.quick else {"SIMBENCH_CACHE": f"{folder}/cache"})
        run = ("run", "--experiments", "matching", *(FEW if given.quick else MANY), "--results", f"{folder}/results")
        typed(run, environment)
        cases = on_record(typed(run, environment)[1])  # also fills the disk cache
        answer(
            "starting",
            [
                figure(("--help",), "simbench --help", "a whole process", 0.3, environment, repeats),
                figure(("list",), "simbench list", "a whole process", 1.0, environment, repeats),
                figure(run, "simbench run, nothing to compute", f"{cases:,} finished cases", 3.0, environment, repeats),
            ],
            given.out,
        )


if __name__ == "__main__":
    main()
