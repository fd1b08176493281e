"""`simbench.check.parametrize`: a test for every check of every plugin, with the check's own reasons."""

from __future__ import annotations

import sys
from unittest import SkipTest

import pytest

import simbench
from simbench.check import Check, checks, parametrize

pytestmark = pytest.mark.any_rounding  # parameters of pytest, reports and ids

PLUGINS = """
import torch
from simbench import Claims, Index


class Trace(Index):
    name, source = "trace", "this test"

    def __init__(self, sign=1):
        self.sign = sign

    @property
    def claims(self):
        return Claims(symmetric=True, range=(-1.0, 1.0))

    def from_moments(self, m):
        shared = min(m.ab.shape)
        return self.sign * m.ab[:shared, :shared].trace() / (m.aa.trace() * m.bb.trace()).sqrt()
"""


def marked(*plugins, **options) -> list:
    """The parameters that a decorated test gets."""

    @parametrize(*plugins, **options)
    def test(check):
        check()

    (mark,) = test.pytestmark
    assert (mark.name, mark.args[0]) == ("parametrize", "check")
    return mark.args[1]


@pytest.fixture
def collected(tmp_path, request):
    """A function that runs a test file in a pytest of its own; name of a test -> (outcome, text of its report)."""

    class Reports(dict):
        def pytest_runtest_logreport(self, report):
            if report.when == "call" or report.skipped:
                self[report.nodeid.split("::", 1)[1]] = (report.outcome, str(report.longrepr))

    def run(text: str) -> dict[str, tuple[str, str]]:
        (tmp_path / "pytest.ini").write_text("[pytest]")
        (tmp_path / f"{request.node.name}.py").write_text(text)  # a module is imported once under a name
        reports = Reports()
        pytest.main(
            ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--import-mode=importlib", str(tmp_path)], [reports]
        )
        return reports

    return run


def test_every_check_of_every_plugin_is_one_test_named_by_both(registry):
    plugins = [registry.get("indices", "cka[kernel=rbf]"), registry.get("stitchers", "reduced_rank[rank=2]")]
    wanted = [f"{plugin.spec}-{check.name}" for plugin in plugins for check in checks(plugin)]
    assert [param.id for param in marked(*plugins)] == wanted
    assert wanted[0] == "cka[kernel=rbf]-contract" and "reduced_rank[rank=2]-optimality" in wanted


def test_a_check_that_is_called_says_its_reason(registry):
    Check("rule", lambda: "all is well")()
    with pytest.raises(SkipTest, match="optimality: nothing that is minimised"):
        {check.name: check for check in checks(registry.get("stitchers", "identity"))}["optimality"]()
    with pytest.raises(AssertionError, match=r"rule: ZeroDivisionError: division by zero \(.*test_items.py"):
        Check("rule", lambda: 1 / 0)()


def test_pytest_reports_the_outcome_and_the_reason_of_each_check(collected):
    reports = collected(
        PLUGINS
        + """
import simbench.check

@simbench.check.parametrize(Trace(-1))
def test_conforms(check):
    check()
"""
    )
    assert {name.split("[", 1)[0] for name in reports} == {"test_conforms"}
    outcomes = {name[len("test_conforms[trace-") : -1]: report for name, report in reports.items()}
    assert set(outcomes) == {check.name for check in checks(simbench.load().get("indices", "r2_lr"))}
    assert outcomes["contract"][0] == "passed"
    assert outcomes["gradient"][0] == "skipped" and "not claimed differentiable" in outcomes["gradient"][1]
    status, text = outcomes["direction"]
    assert status == "failed" and "AssertionError: direction: direction +1 is claimed" in text
    assert "outcome.py" not in text  # the report ends at the line of the test


def test_an_expected_failure_has_a_reason_and_must_fail(collected):
    reports = collected(
        PLUGINS
        + """
import simbench.check

REASONS = {"direction": "the sign is wrong", "contract": "it was wrong once"}

@simbench.check.parametrize(Trace(-1), expected_failures=REASONS)
class TestTrace:
    def test_conforms(self, check):
        if check.name in REASONS:
            check()
"""
    )
    assert reports["TestTrace::test_conforms[trace-direction]"][0] == "skipped"  # what a report calls an xfail
    assert reports["TestTrace::test_conforms[trace-contract]"] == ("failed", "[XPASS(strict)] it was wrong once")


def test_ids_are_the_same_in_every_process():
    class Holds(simbench.Index):
        source, spec = "this test", f"holds[weights={object()}]"

    assert marked(Holds())[0].id == "holds[weights=<object object>]-contract"


def test_a_plugin_without_a_name_is_named_by_its_class_so_that_its_contract_can_fail():
    class Nameless(simbench.Index):
        source = "this test"

    first, *_ = marked(Nameless())
    assert first.id == "Nameless-contract" and "name is None" in first.values[0].run().reason


@pytest.mark.parametrize(
    ("plugins", "message"),
    [
        ((), r"no plugin to check; give configured objects, as in parametrize\(MyIndex\(\)\)"),
        ((simbench.Index,), r"Index is a class; give a configured object, as in Index\(\)"),
        (("cka",), r"'cka' is a name; give a configured object, as in simbench.load\(\).get\('indices', 'cka'\)"),
        ((simbench.Experiment(),), "give an Index, a Stitcher, a Model, a Dataset or an Executor"),
    ],
    ids=["nothing", "class", "name", "other kind"],
)
def test_anything_but_configured_objects_is_refused(plugins, message):
    with pytest.raises(simbench.InputError, match=message):
        parametrize(*plugins)


def test_an_expected_failure_of_an_unknown_check_is_refused(registry):
    with pytest.raises(simbench.InputError, match="check 'symetry' is unknown; did you mean 'symmetry'"):
        parametrize(registry.get("indices", "cka"), expected_failures={"symetry": "a slip"})


def test_without_pytest_it_says_how_to_get_it(registry, monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(ImportError, match=r"^simbench\.check\.parametrize needs pytest: pip install pytest$"):
        parametrize(registry.get("indices", "cka"))
