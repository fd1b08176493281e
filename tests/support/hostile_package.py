"""A package of twenty plugins that do whatever may end, block or spoil a run of others, as source texts by module."""

from __future__ import annotations

from pathlib import Path

HEAD = """
import os, signal, sys
import simbench
from simbench import Claims, Experiment, Index, Row, Stitcher, Case, hookimpl

class Mute(Exception):
    def __str__(self):
        raise SystemExit(0)
"""


def _index(name: str, body: str, head: str = "") -> str:
    hook = "@hookimpl\ndef simbench_indices():\n    return [Hostile()]\n"
    return f"{HEAD}{head}\nclass Hostile(Index):\n    name, source = {name!r}, 'none'\n{body}\n{hook}"


def _case(name: str, statement: str) -> str:
    return _index(name, f"    def from_moments(self, m):\n        {statement}\n")


def _claims(name: str, statement: str) -> str:
    return _index(
        name,
        f"    @property\n    def claims(self):\n        {statement}\n    def from_moments(self, m):\n"
        "        return m.ab.sum() * 0 + 0.5\n",
    )


#: Module -> its text: what cannot be loaded.
UNLOADABLE = {
    "at_import_exits": f"{HEAD}\nsys.exit(0)\n@hookimpl\ndef simbench_indices(): return []\n",
    "at_import_interrupts": f"{HEAD}\nraise KeyboardInterrupt\n@hookimpl\ndef simbench_indices(): return []\n",
    "at_import_mute": f"{HEAD}\nraise Mute\n@hookimpl\ndef simbench_indices(): return []\n",
    "at_import_torn": "def (\n",
    "hook_exits": f"{HEAD}\n@hookimpl\ndef simbench_indices(): sys.exit(0)\n",
    "hook_none": f"{HEAD}\n@hookimpl\ndef simbench_stitchers(): return None\n",
    "direction_zero": _claims("direction_zero", "return Claims(direction=0)"),
    "direction_nan": _claims("direction_nan", "return Claims(direction=float('nan'))"),
    "claims_exit": _claims("claims_exit", "sys.exit(0)"),
    "version_true": _index("version_true", "    version = True\n"),
    "name_controls": _index("a\x1b[2Jb", "    pass\n"),
    "name_surrogate": f"{HEAD}\nclass H(Index):\n    name, source = chr(0xd800), 'none'\n"
    "@hookimpl\ndef simbench_indices(): return [H()]\n",
}
#: Indices that are measured, and fail in every case.
FAILING = {
    "case_exits": _case("case_exits", "sys.exit(0)"),
    "case_interrupts": _case("case_interrupts", "raise KeyboardInterrupt"),
    "case_closes": _case("case_closes", "raise GeneratorExit"),
    "case_mute": _case("case_mute", "raise Mute"),
    "case_surrogate": _case("case_surrogate", "raise ValueError(chr(0xd800) + '$x^$' + 'y' * 10000)"),
    "claims_later": _index(
        "claims_later",
        "    @property\n    def claims(self):\n        frame = sys._getframe(1).f_code.co_name\n"
        "        if frame == 'describe':\n            raise Mute\n        return Claims()\n"
        "    def from_moments(self, m):\n        return m.ab.sum() * 0 + 0.5\n",
    ),
}
#: An experiment that nobody names and that cannot be planned, and one whose rows, summary and figure are spoilt.
EXPERIMENTS = {
    "plan_exits": f"""{HEAD}
class Hostile(Experiment):
    name, source, default = "aaa_plan_exits", "none", True
    def plan(self, selection):
        sys.exit(0)
@hookimpl
def simbench_experiments():
    return [Hostile()]
""",
    "shows_nothing": f"""{HEAD}
class Hostile(Experiment):
    name, source = "shows_nothing", "none"
    def plan(self, selection):
        for network in selection.networks:
            yield Case.alone(self, selection.setting, network)
    def run(self, case, bench):
        return [Row("accuracy", 0.5, note=chr(0xd800) + "\\\\n=1+1")]
    def summary(self, rows):
        raise KeyboardInterrupt
    def figure(self, rows, kept):
        raise Mute
@hookimpl
def simbench_experiments():
    return [Hostile()]
""",
}


def install(site: Path) -> Path:
    """Write the package with its metadata into a folder, which is to go on sys.path."""
    (site / "hostile_plugins").mkdir(parents=True)
    (site / "hostile_plugins" / "__init__.py").write_text("")
    for name, text in (UNLOADABLE | FAILING | EXPERIMENTS).items():
        (site / "hostile_plugins" / f"{name}.py").write_text(text)
    (site / "hostile-6.66.dist-info").mkdir()
    (site / "hostile-6.66.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: hostile\nVersion: 6.66\n")
    (site / "hostile-6.66.dist-info" / "entry_points.txt").write_text("[simbench]\nhostile = hostile_plugins\n")
    return site
