"""Freed memory goes back to the system."""

import os
import re
import subprocess
import sys

import pytest

CODE = """
import sys
from pathlib import Path
from simbench.system.heap import trim
trims = sys.argv[1] == "trims"
def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
blocks = [bytearray(b"x" * 100_000) for _ in range(1000)]  # too small to be taken from the system one by one
del blocks[:999]  # the last one lies above the others
full = resident()
if trims:
    trim()
print(full - resident())
"""


def given_back(what):
    done = subprocess.run([sys.executable, "-c", CODE, what], capture_output=True, text=True, check=True)
    return float(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_was_freed_below_a_block_in_use_is_given_back():
    assert given_back("nothing") < 1
    assert given_back("trims") > 80  # MiB


KEPT = """
import resource
import sys
from contextlib import nullcontext
from pathlib import Path
from simbench.system.heap import kept
def resident():
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
def pages(size=80 * 2**20):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        bytes(bytearray(size))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
outside, before = pages(), resident()
with kept():
    inside, held = pages(), resident()
again = pages()
print(outside, inside, again, held - before, resident() - before)
"""


def pages_of_blocks(**surroundings):
    """Pages that the system hands out for 5 x 2 blocks of 80 MB outside, within and after `kept`; MiB that are held
    within and afterwards."""
    clean = {name: value for name, value in os.environ.items() if not re.match("MALLOC_|GLIBC_", name)}
    command = [sys.executable, "-c", KEPT]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=clean | surroundings)
    return [float(number) for number in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_is_freed_is_kept_for_the_next_block_within_the_context_alone():
    outside, inside, again, held, afterwards = pages_of_blocks()
    assert inside < outside / 3 and again > outside / 2
    assert held > 150 and afterwards < 80


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_how_the_user_wants_memory_allocated_stays():
    outside, inside, again, held, _ = pages_of_blocks(MALLOC_TRIM_THRESHOLD_="131072")
    assert inside > outside / 2 and held < 20
