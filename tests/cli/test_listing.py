"""`simbench list`, `simbench --help`, `simbench --version`: at once, and whatever is broken."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

import simbench
from simbench.cli import VERBS

HEAVY = {"torch", "torchvision", "pandas", "scipy", "sklearn", "matplotlib"}
KINDS = ("indices", "stitchers", "models", "datasets", "experiments", "panels", "sources", "executors")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_shows_every_plugin_with_parameters_package_and_source(call, registry, kind):
    done = call("list", kind)
    assert done.code == 0 and done.err == ""
    heading, _, *lines = done.out.splitlines()
    of_indices = ["direction", "claims", "views", "cost"] if kind == "indices" else []
    assert heading.split() == [kind, *of_indices, "parameters", "package", "source"]
    text = " ".join(done.out.split())
    for name, entry in registry.entries[kind].items():
        assert any(line.startswith(f"{name} ") and entry.owner in line for line in lines), name
        assert entry.plugin.source.split(",")[0] in text
        assert all(f"{key}=" in text for key in entry.plugin.params)


def test_the_experiments_that_are_run_by_default_are_shown(call):
    assert call("list", "experiments").out.splitlines()[-2] == "run by default: matching, cka_penalty"


def test_without_a_kind_all_are_shown(call):
    done = call("list")
    assert [line.split()[0] for line in done.out.splitlines() if line.endswith("source")] == list(KINDS)


def test_an_index_is_shown_with_its_direction_claims_views_and_cost(call, package, monkeypatch):
    code = """
import simbench
class Far(simbench.Index):
    name, source, control, slow = "far", "a letter", True, "an assignment"
    claims = simbench.Claims(-1, range=(0.0, float("inf")), invariances_a=simbench.invariant("linear"))
    def prepare(self, rows):
        return rows
    def compare(self, a, b):
        return a.sum()
@simbench.hookimpl
def simbench_indices():
    return [Far()]
"""
    monkeypatch.syspath_prepend(package("farther", code))
    lines = {line.split()[0]: line for line in call("list", "indices").out.splitlines() if line and line[0] != " "}
    assert "similarity" in lines["cka"] and "symmetric; orthogonal" in lines["cka"] and "  moments  " in lines["cka"]
    assert "distance" in lines["far"] and "control; asymmetric; a: linear" in lines["far"]
    assert "per side; slow: an" in lines["far"]
    text = call("list", "indices", "far").out
    for words in ("from 0, unbounded", "a distance", "invariances of b  none", "it is there to be beaten"):
        assert words in text, text


def test_one_in_full_has_formula_claims_and_the_values_that_parameters_may_have(call):
    done = call("list", "indices", "cka[kernel=rbf]", "svcca")
    assert done.code == 0 and done.out.startswith("cka[kernel=rbf], version 2, of simbench")
    for words in ("CKA(K, L) = h(K, L) / sqrt", "biased, debiased, minibatch", "per side", "at most 2000", "0 to 1"):
        assert words in done.out
    assert "svcca, version" in done.out and "moments" in done.out
    assert "a whole number from 1, or none" in call("list", "models", "tiny10").out


@pytest.mark.parametrize("kind", KINDS)
def test_every_plugin_can_be_shown_in_full(call, registry, kind):
    done = call("list", kind, "all")
    assert done.code == 0
    assert all(f"{entry.plugin.spec}, version" in done.out for entry in registry.entries[kind].values())


def test_an_index_whose_claims_cannot_be_read_is_named_with_its_package(call, package, monkeypatch):
    code = """
import simbench
class Mute(simbench.Index):
    name, source = "mute", "a letter"
    @property
    def claims(self):
        return 1 / 0
@simbench.hookimpl
def simbench_indices():
    return [Mute()]
"""
    monkeypatch.syspath_prepend(package("muted", code))
    done = call("list", "indices")
    assert done.code == 0 and "cka" in done.out
    assert not [line for line in done.out.splitlines() if line.startswith("mute ")]
    assert (
        "plugin 'mute' of muted 1.2 could not be loaded (TypeError: index 'mute' raised ZeroDivisionError" in done.err
    )


def test_a_name_that_is_unknown_is_one_line(call):
    done = call("list", "indices", "ckaa")
    assert done.code == 2 and done.err.count("\n") == 1 and "did you mean 'cka'" in done.err


def test_a_kind_that_is_none_is_one_line(call):
    done = call("list", "index")
    assert done.code == 2 and done.err.count("\n") == 1 and "'index' is not one of 'indices'" in done.err


@pytest.mark.parametrize("words", [(), ("-h",), ("--help",)])
def test_help_names_every_verb(call, words):
    done = call(*words)
    assert done.code == 0 and all(f"  {verb} " in done.out for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(call, verb):
    done = call(verb, "-h")
    assert done.code == 0 and done.out.startswith(f"Usage: simbench {verb}") and done.err == ""


def test_version(call):
    assert call("--version").out.split() == ["simbench,", "version", simbench.__version__]


@pytest.mark.parametrize("words", [["--help"], ["list"], ["run", "--help"]])
def test_no_heavy_package_is_imported(words):
    code = (
        "import sys\nfrom simbench.cli import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        f"    print(*sorted({HEAVY} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 and done.stderr.split() == []


def test_help_answers_within_a_second(process):
    def seconds():
        start = time.perf_counter()
        assert process("--help").code == 0
        return time.perf_counter() - start

    assert min(seconds() for _ in range(3)) < 1  # the best of three: other work may share the cores


def test_a_package_that_cannot_be_imported_is_reported_and_the_rest_is_listed(process, package):
    site = package("brittle", "raise RuntimeError('no such library')")
    done = process("list", "models", PYTHONPATH=str(site))
    assert done.code == 0 and "tiny10" in done.out
    assert done.err == (
        "simbench: plugin 'brittle' of brittle 1.2 could not be loaded (RuntimeError: no such library); going on "
        "without it; simbench --debug list shows where\n"
    )


def test_debug_shows_the_traceback_of_a_package_that_cannot_be_imported(call, package, monkeypatch):
    monkeypatch.syspath_prepend(package("brittle", "raise RuntimeError('no such library')"))
    first, *rest = call("--debug", "list", "models").err.splitlines()
    assert first.endswith("(RuntimeError: no such library); going on without it")
    assert rest[0].startswith("Traceback") and any("brittle_plugin.py" in line for line in rest)


def test_a_word_that_is_wrong_after_debug_is_one_line_that_names_the_verb(call):
    done = call("--debug", "list", "index")
    assert done.code == 2 and done.err.count("\n") == 1 and "(simbench list --help shows what" in done.err


def test_a_third_party_plugin_is_listed_with_its_package(call, package, monkeypatch):
    code = (
        "import simbench\nclass One(simbench.Index):\n    name, source = 'one', 'a letter'\n"
        "@simbench.hookimpl\ndef simbench_indices():\n    return [One()]\n"
    )
    monkeypatch.syspath_prepend(package("listed", code))
    lines = call("list", "indices").out.splitlines()
    assert any(line.startswith("one ") and line.split()[-4:] == ["listed", "1.2", "a", "letter"] for line in lines)


def test_two_plugins_of_one_name_are_one_line_with_both_owners(call, package, monkeypatch):
    code = (
        "import simbench\nclass Cka(simbench.Index):\n    name, source = 'cka', 'mine'\n"
        "@simbench.hookimpl\ndef simbench_indices():\n    return [Cka()]\n"
    )
    monkeypatch.syspath_prepend(package("rival", code))
    for words in (["list"], ["run", "--dry-run"], ["check", "cka"]):
        done = call(*words)
        assert done.code == 2 and done.err.count("\n") == 1
        assert "index 'cka' is registered twice, by " in done.err and "uninstall one" in done.err
        assert "rival 1.2" in done.err and f"simbench {simbench.__version__}" in done.err
