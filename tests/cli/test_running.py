"""`simbench run` from end to end on two small networks."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simbench.cli.running import run_command
from simbench.results import folder as publish

pytestmark = pytest.mark.usefixtures("undrawn", "unranked")
RAISES = """
import simbench
class Fails(simbench.Index):
    name, source = "fails", "made by the tests"
    def from_moments(self, m):
        raise RuntimeError("out of luck")
@simbench.hookimpl
def simbench_indices():
    return [Fails()]
"""


@pytest.fixture
def again(call, finished, warm, tmp_path):
    """again(*words): the command in a copy of the finished run's folder."""
    shutil.copytree(finished.folder, tmp_path / "work", dirs_exist_ok=True)
    return call


def table(folder) -> bytes:
    return (folder / "simbench-results" / "measurements.csv").read_bytes()


def test_stdout_has_the_board_the_summary_the_counts_and_the_tables(finished):
    assert finished.code == 0
    board, summary, closing = (
        finished.out.index(text)
        for text in (
            "no index can be correlated with the log divergence",
            "\nmatching\n",
            "ok    degenerate    skipped    failed    rows",
        )
    )
    assert board < summary < closing
    *_, counts, measured, tables, figures, page = finished.out.splitlines()
    assert counts.split() == ["30", "0", "0", "0", "30"]  # 2 networks, 2 pairs x 2 indices, 2 x 2 stitchers x 6 numbers
    assert measured.startswith("measured 10 of 10 cases in ") and "trained" not in measured
    assert tables == f"tables in simbench-results: {', '.join(publish.FILES)}"
    assert figures == f"figures in {Path('simbench-results', 'figures')}: matching.png (and .svg)"
    assert page == f"page in {Path('simbench-results', 'report.html')}"


def test_stderr_has_plain_lines_with_the_time_left(finished):
    plan, begin, *lines = finished.err.splitlines()
    assert plan == "10 cases: 0 on record, 10 to measure"
    assert begin == "measuring, cases: 10, pairs at layers: 4"
    assert [line.split()[0] for line in lines] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert all(line.endswith(" s left") for line in lines) and "\x1b" not in finished.err + finished.out
    assert "tiny10-0 -> tiny10-1 bn8: 4 cases in " in lines[2]


def test_every_table_is_there_and_the_command_is_on_record(finished, tiny):
    results = finished.folder / "simbench-results"
    assert {path.name for path in results.glob("*.csv")} == set(publish.FILES)
    assert {path.name for path in results.iterdir()} == {*publish.FILES, "records", "runs", "figures", "report.html"}
    assert {path.name for path in (results / "figures").iterdir()} == {"matching.png", "matching.svg"}
    assert publish.read(results, "runs.csv").loc[0, "command"] == " ".join(["simbench", *tiny])


@pytest.mark.long
def test_a_second_run_computes_nothing_without_torch_and_leaves_every_byte(process, known, warm, tiny, tmp_path):
    shutil.copytree(known.folder, tmp_path, dirs_exist_ok=True)
    before = {name: (tmp_path / "simbench-results" / name).read_bytes() for name in publish.FILES}
    done = process(*tiny, python=("-X", "importtime"))
    imported = {line.rpartition("|")[2].strip() for line in done.err.splitlines() if line.startswith("import time:")}
    assert done.code == 0 and "pandas" in imported and not {"torch", "matplotlib"} & imported
    assert "10 cases: 10 on record, 0 to measure" in done.err
    assert "nothing to compute: 10 cases on record" in done.out
    assert before == {name: (tmp_path / "simbench-results" / name).read_bytes() for name in publish.FILES}
    assert done.out.split("nothing")[0] == known.out.split("measured 10")[0]


@pytest.mark.long
def test_force_measures_everything_again_to_the_same_bytes(again, finished, tiny):
    done = again(*tiny, "--force")
    assert done.code == 0 and "measured 10 of 10 cases" in done.out and table(done.folder) == table(finished.folder)
    assert len(publish.read(done.folder / "simbench-results", "runs.csv")) == 2


@pytest.mark.long
def test_a_new_index_is_all_that_is_measured(again, tiny):
    done = again(*tiny, "--indices", "svcca")
    assert done.code == 0 and "measured 2 of 12 cases" in done.out


def test_a_dry_run_counts_and_writes_nothing(call, warm, tiny):
    before = sorted(path for path in warm.rglob("*"))
    done = call(*tiny[:2], "3", "--experiments", "matching", "--dry-run")
    assert (done.code, done.out) == (0, "")
    assert done.err.startswith(  # 3 + 6 pairs x 8 layers x 9 methods
        "579 cases: 0 on record, 579 to measure\nmatching on digits: 3 networks, 6 pairs, all\nplan, by costs of"
    )
    assert not list(done.folder.iterdir()) and sorted(path for path in warm.rglob("*")) == before


def test_a_dry_run_sees_what_is_on_record(again, tiny, finished):
    done = again(*tiny, "--dry-run")
    assert done.err.startswith("10 cases: 10 on record, 0 to measure\n") and table(done.folder) == table(
        finished.folder
    )


def test_a_failing_index_is_exit_1_with_the_reason_and_the_rest_stands(again, package, monkeypatch, tiny):
    monkeypatch.syspath_prepend(package("unlucky", RAISES))
    done = again(*tiny, "--indices", "fails")
    assert done.code == 1
    where = "matching fails tiny10-0 -> tiny10-1 bn8 spatial"
    assert f"failed: RuntimeError: out of luck (2 rows, e.g. {where})" in done.out
    assert done.err.count("failed: matching fails ") == 2 and "Traceback" not in done.err
    assert done.out.splitlines()[-5].split() == ["30", "0", "0", "2", "32"]
    assert again(*tiny, "--indices", "fails").out.count("measured 2 of 12") == 1, "failed is not done"
    assert again(*tiny).code == 0, "what is not selected does not count"


def test_degenerate_and_skipped_rows_are_counted_with_their_reason(again, tiny):
    done = again(*tiny, "--indices", "pwcca", "--view", "flat", "--max-samples", "16")
    lines = done.out.splitlines()
    assert done.code == 0
    assert any(line.startswith("degenerate: ") and "r2_lr" in line and "(2 rows, e.g. " in line for line in lines)
    assert any(line.startswith("skipped: pwcca is not invariant to rotations") for line in lines)
    counts = next(line for line in reversed(lines) if line.split() and line.split()[0].isdigit())
    assert counts.split() == ["28", "2", "2", "0", "32"]


@pytest.mark.long
def test_a_corrupt_record_is_reported_and_measured_again(again, tiny, finished):
    broken = next((again(*tiny, "--dry-run").folder / "simbench-results" / "records").rglob("*.json"))
    broken.write_text(broken.read_text().replace('"status": "ok"', '"status": "okay"'))
    done = again(*tiny)
    assert done.code == 0 and "measured 1 of 10 cases" in done.out and table(done.folder) == table(finished.folder)
    assert f"simbench: {broken.relative_to(done.folder)} is corrupt: ignored, and measured again" in done.err


INTERRUPTED = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from simbench.cli import main\nmain()"
)  # a shell in the background would have left it ignored


@pytest.mark.long
def test_an_interrupted_run_goes_on_and_ends_with_the_same_tables(call, warm, tiny, tmp_path, monkeypatch):
    words = [*tiny, "--layers", "bn5,bn6,bn7,bn8"]
    folder = tmp_path / "interrupted"
    folder.mkdir()
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *words],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while time.monotonic() < until and child.poll() is None and len(list(folder.rglob("records/*/*.json"))) < 5:
        time.sleep(0.002)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == "" and "Traceback" not in err
    assert err.rstrip().splitlines()[-1] == "simbench: interrupted; the same command goes on from here"
    whole = call(*words)
    there = len(list(folder.rglob("records/*/*.json")))
    monkeypatch.chdir(folder)
    rest = call(*words)
    assert 5 <= there < 34 and f"measured {34 - there} of 34 cases" in rest.out
    assert rest.code == whole.code == 0 and table(folder) == table(whole.folder)


def test_a_package_that_cannot_be_imported_does_not_stop_a_run(again, tiny, package, monkeypatch):
    monkeypatch.syspath_prepend(package("brittle", "import nothing_of_this_name"))
    done = again(*tiny)
    assert done.code == 0 and "nothing to compute" in done.out
    line, *_ = done.err.splitlines()
    assert "plugin 'brittle' of brittle 1.2 could not be loaded (ModuleNotFoundError" in line
    assert line.endswith("--debug list shows where") and "Traceback" not in done.err


@pytest.mark.parametrize(
    "option", [option for option in run_command.params if option.name != "help"], ids=lambda option: option.opts[0]
)
def test_every_option_has_a_variable(option, monkeypatch):
    text, value = {
        "threads": ("3", 3),
        "max_samples": ("77", 77),
        "dry_run": ("1", True),
        "force": ("true", True),
        "train": ("1", True),
        "profile": ("1", True),
        "results": ("a b", "a b"),
        "timeout": ("60", 60.0),
        "cut": ("hook", "hook"),
    }.get(option.name, ("a[b= c],d", "a[b= c],d"))
    monkeypatch.setenv("SIMBENCH_RUN_" + option.opts[0].strip("-").upper().replace("-", "_"), text)
    found = run_command.make_context("run", [], auto_envvar_prefix="SIMBENCH_RUN").params[option.name]
    assert found == (value,) if option.multiple else str(found) == str(value)


@pytest.fixture
def variables(tiny, monkeypatch):
    """The options of TINY as variables."""
    for option, value in zip(tiny[1::2], tiny[2::2], strict=True):
        monkeypatch.setenv("SIMBENCH_RUN_" + option.strip("-").upper().replace("-", "_"), value)


def test_variables_are_used_and_yield_to_options(call, warm, variables):
    assert call("run", "--dry-run").err.startswith("10 cases: ")
    assert call("run", "--indices", "cka", "--dry-run").err.startswith("8 cases: ")


@pytest.mark.long
def test_variables_are_put_on_record(call, warm, variables, monkeypatch):
    monkeypatch.setenv("SIMBENCH_RUN_STITCHERS", "identity")
    done = call("run")
    command = publish.read(done.folder / "simbench-results", "runs.csv").loc[0, "command"]
    assert command.startswith("SIMBENCH_RUN_EXPERIMENTS=matching SIMBENCH_RUN_INDICES=cka,r2_lr ")
    assert command.endswith(" simbench run")
