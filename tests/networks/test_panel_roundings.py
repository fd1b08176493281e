"""Numbers of the panel that comes with simbench do not depend on rounding: on one thread and on two, with old and new
instructions."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

pytestmark = pytest.mark.skipif(
    "SIMBENCH_ROUNDINGS" not in os.environ, reason="runs four times; .ci/roundings asks for it"
)

RUN = """
import pickle, sys, torch, simbench
torch.set_num_threads(int(sys.argv[1]))
options = {"seeds": "7,21", "layers": "bn1,bn5,bn8", "stitchers": "identity,least_squares,procrustes,reduced_rank"}
outcome = simbench.run(panel="tiny10-digits-1", experiments="matching", results=sys.argv[2], **options)
assert outcome.trained == 0 and outcome.ok
print(torch.backends.cpu.get_cpu_capability(), torch.get_num_threads())
rows = [(name, row.quantity, row.status, row.value) for name, row in outcome.rows]
pickle.dump(rows, open(sys.argv[2] + "/rows.pkl", "wb"))
"""
#: Of torch's own loops, of MKL, of oneDNN and of OpenBLAS.
OLD = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
}
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "MKL_CBWR": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
FLAGS = set(Path("/proc/cpuinfo").read_text().split()) if Path("/proc/cpuinfo").exists() else set()


def measured(folder: Path, threads: int, variables: dict[str, str]) -> tuple[list, pd.DataFrame, str]:
    """Every row with all digits, measurements.csv, and what was in force."""
    folder.mkdir()
    environment = {key: value for key, value in os.environ.items() if key not in OLD} | variables
    environment |= {"OMP_NUM_THREADS": str(threads), "SIMBENCH_CACHE": str(folder / "cache")}
    words = [sys.executable, "-c", RUN, str(threads), str(folder)]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return pd.read_pickle(folder / "rows.pkl"), pd.read_csv(folder / "measurements.csv"), done.stdout.strip()


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    return measured(tmp_path_factory.mktemp("usual") / "run", 1, {})


@pytest.mark.parametrize(
    ("threads", "variables", "force"),
    [
        pytest.param(2, {}, "2", id="two threads"),
        pytest.param(1, OLD, "DEFAULT 1", id="instructions of 2004"),
        pytest.param(
            2,
            AVX2,
            "AVX2 2",
            id="avx2",
            marks=pytest.mark.skipif("avx2" not in FLAGS, reason="the processor has no AVX2"),
        ),
    ],
)
def test_measurements_agree(usual, tmp_path, threads, variables, force):
    expected, table, _ = usual
    rows, other, here = measured(tmp_path / "run", threads, variables)
    assert here.endswith(force)
    assert [row[:3] for row in rows] == [row[:3] for row in expected] and len(rows) > 50
    for (name, quantity, status, value), (*_, wanted) in zip(rows, expected, strict=True):
        if status == "ok":
            assert value == pytest.approx(wanted, abs=1e-6), (name, quantity)
    pd.testing.assert_frame_equal(other, table, rtol=0, atol=1e-6)
