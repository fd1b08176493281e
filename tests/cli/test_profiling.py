"""`simbench run --profile`: stages that sum to the wall time, the slowest methods, peak memory."""

from __future__ import annotations

import re
import shutil

import pytest
from command_line import here
from run_stages import COMMAND, RESUMED
from small_figures import empty_figures

from simbench.results import folder as publish
from simbench.results import text as report
from simbench.system.stopwatch import Spent


def stages_of(out: str) -> dict[str, tuple[float, float, int]]:
    """stage -> (seconds, share in percent, calls) of a printed profile."""
    told = out[out.index("\nstage ") :]
    return {
        name: (float(seconds), float(share), int(calls or 0))
        for name, seconds, share, calls in re.findall(
            r"^(\w[\w -]*?) +(\d+\.\d\d) +(\d+\.\d)% *(\d*)$", told, re.MULTILINE
        )
    }


def wall(out: str) -> float:
    return float(re.search(r"^wall time +([\d.]+)$", out, re.MULTILINE)[1])


@pytest.fixture(scope="module")
def profiled(warm_cache, tiny, tmp_path_factory):
    """TINY with --profile and empty figures, to be read only."""
    with pytest.MonkeyPatch.context() as patch, empty_figures():
        patch.setenv("SIMBENCH_CACHE", str(warm_cache))
        patch.chdir(tmp_path_factory.mktemp("profiled"))
        return here(*tiny, "--profile")


def test_the_stages_sum_to_the_wall_time_and_few_seconds_are_of_no_stage(profiled, finished):
    found = stages_of(profiled.out)
    assert profiled.code == 0 and set(found) == COMMAND
    seconds = [seconds for seconds, _, _ in found.values()]
    assert seconds == sorted(seconds, reverse=True)
    assert sum(seconds) == pytest.approx(wall(profiled.out), abs=0.005 * (len(found) + 1))
    assert sum(share for _, share, _ in found.values()) == pytest.approx(100, abs=0.05 * len(found))
    assert found["other"][1] < 25, "a stage was forgotten"
    measured = float(re.search(r"measured 10 of 10 cases in (\d+) s", profiled.out)[1])
    assert measured - 0.5 <= wall(profiled.out)
    assert found["loading weights"][2] == 2 and found["fitting stitches"][2] == 4 and found["indices"][2] == 4
    assert found["writing records"][2] == 12, "ten cases, and the run before and after"
    assert profiled.out.split("measured 10")[0] == finished.out.split("measured 10")[0], "the tables come first"


def test_the_slowest_methods_are_those_of_the_records(profiled):
    told = profiled.out.split("slowest methods")[1].split("\nstage ")[0].splitlines()[3:]
    rows = [re.split(r"  +", line.strip()) for line in told if line]
    timings = publish.read(profiled.folder / "simbench-results", "timings.csv")
    sums = timings.groupby(["kind", "method"])["seconds"].agg(["sum", "size"])
    wanted = sums.sort_values("sum", ascending=False)
    assert len(rows) == len(wanted) == 5  # two indices, two stitchers, and the networks
    assert [tuple(row[1:-3]) or ("network",) for row in rows] == [tuple(filter(None, key)) for key in wanted.index]
    assert [(int(row[-3]), float(row[-2])) for row in rows] == [
        (size, pytest.approx(total, abs=1e-3)) for total, size in wanted.itertuples(index=False)
    ]


def test_the_last_line_is_peak_memory(profiled):
    number, unit = re.fullmatch(r"peak resident memory: ([\d.]+) (MB|GB)", profiled.out.splitlines()[-1]).groups()
    assert 100 < float(number) * {"MB": 1, "GB": 1000}[unit] < 20_000


def test_without_the_flag_nothing_is_said(finished):
    assert not any(word in finished.out for word in ("wall time", "slowest", "peak resident", "start-up"))


def test_a_finished_run_has_stages_of_its_own(call, finished, warm, tiny, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "work", dirs_exist_ok=True)
    done = call(*tiny, "--profile")
    assert done.code == 0 and "nothing to compute" in done.out and "slowest" not in done.out
    assert set(stages_of(done.out)) == RESUMED


@pytest.mark.long
def test_a_finished_run_is_profiled_without_torch_from_the_process_s_start(process, known, warm, tiny, tmp_path):
    shutil.copytree(known.folder, tmp_path, dirs_exist_ok=True)
    done = process(*tiny, "--profile", python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines() if line.startswith("import time:")}
    assert done.code == 0 and "torch" not in imported
    found = stages_of(done.out)
    assert set(found) == RESUMED
    assert "nothing to compute" in done.out and "slowest" not in done.out
    assert found["other"][1] < 25
    assert found["start-up"][2] == 3, "before the command, its plugins, its tables"


@pytest.mark.long
def test_what_is_new_alone_is_among_the_slowest(call, finished, warm, tiny, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "work", dirs_exist_ok=True)
    done = call(*tiny, "--indices", "svcca[variance=0.9]", "--profile")
    told = done.out.split("slowest methods")[1].split("\nstage ")[0]
    assert re.findall(r"^matching +(\w+) +(\S+) +(\d+) ", told, re.MULTILINE) == [("index", "svcca[variance=0.9]", "2")]


def test_an_interrupted_run_says_what_was_seen_so_far(call, warm, tiny, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("simbench.runs.driver.run", interrupt)
    done = call(*tiny, "--profile")
    assert done.code == 130 and {"start-up", "planning", "reading data", "other"} <= set(stages_of(done.out))
    assert done.err.endswith("simbench: interrupted; the same command goes on from here\n")
    assert call(*tiny).out == ""


def test_a_dry_run_is_profiled(call, warm, tiny):
    done = call(*tiny, "--dry-run", "--profile")
    assert done.code == 0 and "planning" in stages_of(done.out) and not list(done.folder.iterdir())


def test_bad_input_is_one_line_with_the_flag_as_without(call, warm, tiny):
    done = call(*tiny, "--indices", "ckaa", "--profile")
    assert (done.code, done.out) == (2, "") and len(done.err.splitlines()) == 1


def test_a_profile_as_it_is_printed():
    assert report.spent([Spent("figures", 1.5, 12), Spent("other", 0.5, 0)]).splitlines() == [
        "stage        seconds    share    calls",
        "---------  ---------  -------  -------",
        "figures         1.50    75.0%       12",
        "other           0.50    25.0%",
        "wall time       2.00",
    ]
    assert report.spent([Spent("other", 0.0, 0)]).splitlines()[-1].split() == ["wall", "time", "0.00"]


def test_memory_is_told_in_mb_or_gb():
    assert [report.size(count) for count in (12_345_678, 999_000_000, 1_234_000_000)] == ["12 MB", "999 MB", "1.23 GB"]
