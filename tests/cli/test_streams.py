"""Streams that are closed or full, folders that vanish, and names that cannot be: one line, and nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sys

import pytest

from simbench.cli import main, streams
from simbench.results import folder as publish
from simbench.results.store import Store


class Full:
    """A text stream on a full disk."""

    closed = False

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    flush = isatty = lambda self: False


@pytest.fixture
def results(finished, tmp_path):
    shutil.copytree(finished.folder / "simbench-results", tmp_path / "r")
    return tmp_path / "r"


@pytest.mark.parametrize("stream", [Full(), None], ids=["full", "closed"])
def test_a_report_that_cannot_be_shown_ends_nothing(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    with streams.unfailing():
        print("a line", file=sys.stderr, flush=True)
        assert not sys.stderr.isatty()
    assert sys.stderr is stream


def test_a_closed_stdout_shows_nothing_and_ends_nothing(monkeypatch, results):
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as end:
        main(["leaderboard", "--results", str(results)])
    assert end.value.code == 0 and sys.stdout is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_no_file_takes_the_number_of_a_stream_that_is_closed(tmp_path):
    child = os.fork()
    if not child:
        os.closerange(0, 3)
        streams.occupy()
        os._exit(os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) > 2


@pytest.mark.parametrize(
    ("words", "then"),
    [(["list", "indices"], "does it again"), (["run", "--help"], "goes on from here")],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_full_stdout_is_one_line_that_fits_the_verb(monkeypatch, capsys, words, then):
    monkeypatch.setattr(sys, "stdout", Full())
    with pytest.raises(SystemExit) as end:
        main(words)
    line = f"simbench: No space left on device; what is on record stays, the same command {then}\n"
    assert end.value.code == 1 and capsys.readouterr().err.endswith(line)


@pytest.mark.parametrize(("verb", "then"), [("doctor", "does it again"), ("run", "goes on from here")])
def test_an_interruption_says_what_fits_the_verb(monkeypatch, capsys, verb, then):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("simbench.cli.cli.main", interrupt)
    with pytest.raises(SystemExit) as end:
        main([verb])
    assert end.value.code == 130 and capsys.readouterr().err == f"simbench: interrupted; the same command {then}\n"


def test_a_deleted_working_directory_is_one_line(call, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "getcwd", lambda: os.stat(tmp_path / "deleted"))
    with pytest.raises(Exception, match="working directory does not exist any more"):
        streams.must_have_a_place()


def test_a_name_of_over_255_bytes_is_one_line(call):
    done = call("run", "--results", "n" * 256, "--dry-run")
    assert done.code == 2 and done.err.count("\n") == 1 and "is not writable (File name too long)" in done.err


@pytest.mark.parametrize("words", [["publish"], ["leaderboard", "--results"], ["doctor"], ["report"]], ids=" ".join)
def test_a_path_of_too_many_bytes_is_one_short_line(call, words):
    done = call(*words, "n" * 5000)
    assert done.code == 2 and done.err.count("\n") == 1 and len(done.err) < 800, done.err[-300:]


@pytest.mark.parametrize("name", ["measurements.csv", "figures"])
def test_what_is_in_the_place_of_tables_and_figures_is_one_line_before_anything_runs(call, tiny, tmp_path, name):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / name).mkdir() if name.endswith(".csv") else (tmp_path / "r" / name).write_text("")
    done = call(*tiny, "--results", str(tmp_path / "r"))
    assert done.code == 2 and done.err.count("\n") == 1 and f"{tmp_path / 'r' / name} is no" in done.err
    assert not (tmp_path / "r" / "records").exists()


def test_ctrl_c_at_the_end_of_the_process_shows_no_traceback(monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        streams.leave()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        streams.leave()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("verb", ["leaderboard", pytest.param("correlate", marks=pytest.mark.long)])
def test_a_read_only_results_folder_is_ranked_and_written_elsewhere(call, results, tmp_path, monkeypatch, verb):
    for name in publish.FILES:
        (results / name).unlink()
    written, allowed = str(tmp_path / "to"), Store.check_writable

    def read_only(store):
        if store.folder == results:
            from simbench.errors import InputError

            raise InputError("read-only")
        allowed(store)

    monkeypatch.setattr(Store, "check_writable", read_only)
    shown = call(verb, "--results", str(results))
    assert shown.code == 0 and "nothing was written: the results folder is read-only" in shown.out
    assert "tiny10" in shown.out and not list(results.glob("*.csv"))
    kept = call(verb, "--results", str(results), "--results-to", written)
    assert kept.code == 0 and sorted(os.listdir(written)) == sorted(publish.FILES)
    assert not list(results.glob("*.csv"))
