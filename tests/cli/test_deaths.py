"""A plugin that kills the process which loads it costs that process, and from then on only itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import simbench
from simbench.system.cache import cache_folder

HEAD = """
import os, signal, simbench
class Fine(simbench.Index):
    name, source = "fine", "none"
    def from_moments(self, m):
        return m.ab.sum() * 0
"""
HOOK = """
@simbench.hookimpl
def simbench_indices():
    {}
    return [Fine()]
"""
KILL, LEAVE = "os.kill(os.getpid(), signal.SIGSEGV)", "os._exit(0)"


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "cache"))


def listed(site) -> int:
    """The exit code of a process that loads all plugins."""
    path = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = "import resource, simbench; resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); simbench.load()"
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": path}, check=False)
    return done.returncode


@pytest.mark.parametrize(
    ("code", "died", "reason"),
    [
        pytest.param(
            f"{HEAD}{KILL}{HOOK.format('pass')}",
            -signal.SIGSEGV,
            "signal 11, SIGSEGV",
            id="import",
            marks=pytest.mark.long,
        ),
        pytest.param(f"{HEAD}{HOOK.format(KILL)}", -signal.SIGSEGV, "signal 11, SIGSEGV", id="hook"),
        pytest.param(f"{HEAD}{HOOK.format(LEAVE)}", 0, "exit code 0", id="exit", marks=pytest.mark.long),
    ],
)
def test_the_next_process_names_the_plugin_and_goes_on_without_it(call, package, monkeypatch, code, died, reason):
    site = package("deadly", code)
    assert listed(site) == died and len(list(cache_folder("started").iterdir())) == 1
    monkeypatch.syspath_prepend(str(site))
    for _ in range(2):
        done = call("list", "indices")
        assert done.code == 0 and "cka" in done.out and "fine" not in done.out
        does = f"loading it {'kills' if died else 'ends'} its process ({reason})"
        assert f"plugin 'deadly' of deadly 1.2 could not be loaded ({does}; uninstall it" in done.err


@pytest.mark.long
def test_a_plugin_that_no_longer_kills_is_loaded_again(call, package, monkeypatch):
    site = package("mended", f"{HEAD}{KILL}{HOOK.format('pass')}")
    assert listed(site) == -signal.SIGSEGV
    (site / "mended_plugin.py").write_text(f"{HEAD}{HOOK.format('pass')}")
    monkeypatch.syspath_prepend(str(site))
    done = call("list", "indices")
    assert done.code == 0 and done.err == "" and "fine" in done.out and not cache_folder("started").exists()


def test_a_load_that_goes_well_or_raises_leaves_no_mark(package, monkeypatch):
    monkeypatch.syspath_prepend(str(package("raises", "raise ValueError")))
    assert [broken.name for broken in simbench.load().broken] == ["raises"]
    assert not cache_folder("started").exists()


def test_without_a_place_for_marks_plugins_are_loaded(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIMBENCH_CACHE", str(tmp_path / "file" / "cache"))
    assert "cka" in simbench.load().entries["indices"]
