"""The hammer on packing: processes that pack are killed at random moments while another writes; nothing is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from packed import filled, whole

from simbench.results.store import Store

SECONDS = float(os.environ.get("HAMMER_SECONDS", 60)) / 4
PACK = """
import sys
from pathlib import Path
from simbench.results.segments.packing import pack
from simbench.results.store import Store
Store(Path(sys.argv[1])).read()
print("begins", flush=True)
while True:
    pack(Store(Path(sys.argv[1])), most=int(sys.argv[2]))
"""


@pytest.mark.hammer
def test_processes_that_pack_are_killed_and_nothing_is_lost(tmp_path):
    chance, end = random.Random(17), time.monotonic() + SECONDS
    store = filled(tmp_path, 60)
    numbers = {key: record.rows for key, record in whole(tmp_path)[0].items()}
    latest = {key: record.run for key, record in store.read().records.items()}
    trials = 0
    while time.monotonic() < end or not trials:
        words = [sys.executable, "-c", PACK, str(tmp_path), str(chance.choice([5, 20, 100]))]
        packers = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(chance.choice([1, 2]))]
        for packer in packers:
            assert packer.stdout.readline() == "begins\n"
        stop = time.monotonic() + chance.uniform(0, 0.5)
        while time.monotonic() < stop:  # measured again, as by a run beside it
            key = chance.choice(sorted(numbers))
            record = Store(tmp_path).read().records[key]
            latest[key] = f"run {chance.random()}"
            arrays = store.arrays(record) if record.arrays else None
            store.put(replace(record, run=latest[key]), arrays)
        for packer in packers:
            packer.send_signal(signal.SIGKILL)
            packer.communicate()
        records, arrays = whole(tmp_path)
        assert {key: record.rows for key, record in records.items()} == numbers
        assert {key: record.run for key, record in records.items()} == latest
        assert set(arrays) == {key for key, record in records.items() if record.arrays}
        trials += 1
