"""`simbench check`: counts, failures and names."""

from __future__ import annotations

import pytest

WRONG = """
import simbench
class Wrong(simbench.Index):
    name, source = "wrong", "made by the tests"
    @property
    def claims(self):
        return simbench.Claims(symmetric=True)
    def from_moments(self, m):
        return m.aa.trace() / (m.aa.trace() + 2 * m.bb.trace())
@simbench.hookimpl
def simbench_indices():
    return [Wrong()]
"""


def test_one_name(call):
    done = call("check", "identity")
    assert (done.code, done.err) == (0, "") and done.out.startswith("identity: ") and " 0 failed" in done.out


@pytest.mark.long
def test_several_names_and_a_configured_one(call):
    done = call("check", "identity", "svcca[variance=0.9],r2_lr[centred=false]")
    heads = [line.split(":")[0] for line in done.out.splitlines() if not line.startswith(" ")]
    assert done.code == 0 and heads == ["identity", "svcca[variance=0.9]", "r2_lr[centred=false]"]


def test_passed_checks_are_shown_on_request(call):
    quiet, loud = call("check", "identity"), call("check", "identity", "-v")
    assert "  passed " not in quiet.out and "  passed " in loud.out
    assert loud.out.count("  passed ") == int(loud.out.split(": ")[1].split()[0])


def test_all_is_every_index_stitcher_and_model(call, registry, monkeypatch):
    monkeypatch.setattr("simbench.check.checks", lambda plugin: [])
    done = call("check", "all")
    heads = {line.split(":")[0] for line in done.out.splitlines()}
    assert done.code == 0 and heads == {
        name for kind in ("indices", "stitchers", "models") for name in registry.entries[kind]
    }


def test_a_plugin_that_breaks_its_claims_is_exit_1_with_the_reasons(call, package, monkeypatch):
    monkeypatch.syspath_prepend(package("wrongly", WRONG))
    done = call("check", "wrong")
    assert done.code == 1 and "\n  failed  symmetr" in done.out


@pytest.mark.parametrize(
    "name, message",
    [
        ("svcaa", "index, stitcher, model, data set or executor 'svcaa' is unknown; did you mean 'svcca'"),
        ("matching", "index, stitcher, model, data set or executor 'matching'"),
        ("svcca[variance=2]", "a share above 0 and up to 1 is allowed"),
        ("all[a=1]", "to a pattern"),
        ("cka[", "do not pair"),
        ("", "empty part"),
        ("cka,", "empty part"),
    ],
)
def test_names_that_cannot_be_checked_are_one_line(call, name, message):
    done = call("check", "identity", name)
    assert done.code == 2 and done.out == "" and done.err.count("\n") == 1 and message in done.err


def test_no_name_is_one_line(call):
    done = call("check")
    assert done.code == 2 and "Missing argument" in done.err and "simbench check --help" in done.err


NETS = """
from torch import nn
class Small(nn.Module):
    def __init__(self, channels, classes):
        super().__init__()
        self.first, self.second, self.head = nn.Conv2d(channels, 5, 1), nn.Conv2d(5, 5, 1), nn.Linear(5, classes)
    def forward(self, x):
        x = self.first(x)
        return self.head((x + self.second(x)).mean((2, 3)))
def make(channels, classes):
    return Small(channels, classes)
"""


def test_a_model_of_a_source_is_checked_where_it_can_be_cut(call, tmp_path):
    (tmp_path / "nets.py").write_text(NETS)
    done = call("check", f"{tmp_path}/nets.py:make", "-v")
    assert done.code == 0 and "6 passed, 0 failed" in done.out
    assert "cut: bitwise at 1 of 2 default layers, by fx" in done.out and "2 of 3 modules" in done.out
    refused = call("check", f"{tmp_path}/nets.py:none")
    assert refused.code == 2 and "none" in refused.err and refused.err.count("\n") == 1
