"""A plugin that ends the program where the run needs it: one line, exit 1."""

from __future__ import annotations


def test_a_model_that_exits_is_one_line(call, package, monkeypatch, cache):
    code = """
import sys, simbench
class Exits(simbench.Model):
    name, source, layers = "exits", "none", ("a",)
    def build(self, channels, classes):
        sys.exit(0)
@simbench.hookimpl
def simbench_models():
    return [Exits()]
"""
    monkeypatch.syspath_prepend(str(package("exits", code)))
    done = call("run", "--models", "exits", "--seeds", "2", "--indices", "cka", "--experiments", "matching")
    assert done.code in (1, 2) and "SystemExit: 0" in done.err.splitlines()[-1] and "Traceback" not in done.err


def test_a_package_that_exits_when_it_is_imported_is_named_and_the_others_are_listed(call, package, monkeypatch):
    monkeypatch.syspath_prepend(str(package("leaves", "import sys\nsys.exit(0)\n")))
    done = call("list", "indices")
    assert done.code == 0 and "cka" in done.out
    assert "plugin 'leaves' of leaves 1.2 could not be loaded (Ended: SystemExit: 0 was raised" in done.err
