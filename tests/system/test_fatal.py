"""Work that a process died of is tried in another process, and otherwise done here."""

from __future__ import annotations

import faulthandler
import inspect
import os
import signal
import sys
import types

import deadly_work
import pytest
from deadly_work import work

from simbench.system.cache import cache_folder
from simbench.system.fatal import Died, marked

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.fixture
def given(tmp_path, cache):
    """What `work` is given, in a cache folder that holds the mark of a process that died of it."""
    (tmp_path / "deadly").touch()
    given = (tmp_path / "deadly", tmp_path / "done")
    die(work, *given)
    return given


def die(work, *given) -> None:
    """Do the work in a process that dies of it."""
    child = os.fork()
    if not child:
        faulthandler.disable()
        with marked(["work", 1], work, *given) as tried:
            work(*given)
        os._exit(tried)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGSEGV


@pytest.mark.long
def test_what_kills_again_is_not_done_here_however_often_it_is_asked_for(given):
    for _ in range(2):
        with (
            pytest.raises(Died, match=r"^kills its process \(signal 11, SIGSEGV\)$"),
            marked(["work", 1], work, *given),
        ):
            pytest.fail("it would be done in this process")


@pytest.mark.long
def test_what_no_longer_kills_is_tried_once(given):
    given[0].unlink()
    with marked(["work", 1], work, *given) as tried:
        assert tried and given[1].read_text() not in ("", str(os.getpid()))
    with marked(["work", 1], work, *given) as tried:
        assert not tried
    assert not cache_folder("started").exists()


def test_other_work_is_not_tried(given):
    with marked(["work", 2], work, *given) as tried:
        assert not tried and not given[1].exists()


def test_without_a_place_for_marks_work_is_done(given, tmp_path, monkeypatch):
    given[0].unlink()
    monkeypatch.setenv("SIMBENCH_CACHE", str(given[1] / "cache"))
    given[1].touch()
    with marked(["work", 1], work, *given) as tried:
        assert not tried


@pytest.fixture
def unloadable(given, tmp_path, monkeypatch):
    """The work, of a module that this process alone has."""
    module = types.ModuleType("only_here")
    exec(inspect.getsource(deadly_work), vars(module))
    monkeypatch.setitem(sys.modules, "only_here", module)
    return module.work


@pytest.mark.long
def test_what_another_process_cannot_load_counts_as_not_tried_and_keeps_its_mark(given, unloadable):
    given[0].unlink()
    with marked(["work", 1], unloadable, *given) as tried:
        assert not tried and not given[1].exists()
    with marked(["work", 1], work, *given) as tried:
        assert tried, "the mark was left"
    with marked(["work", 3], unloadable, *given, wary=True) as tried:
        assert not tried


@pytest.mark.long
def test_what_another_process_cannot_load_kills_no_third_process(given, unloadable):
    die(unloadable, *given)
    with (
        pytest.raises(Died, match=r"^killed two processes, and cannot be tried in another one"),
        marked(["work", 1], unloadable, *given),
    ):
        pytest.fail("it would be done in this process")
    given[0].unlink()
    for tried in (True, False):
        with marked(["work", 1], work, *given) as found:
            assert found == tried
    assert not cache_folder("started").exists()
