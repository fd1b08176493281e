"""From nothing to a ranked index: every command of plugins/README.md, typed in order."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "plugins" / "README.md").read_text().split("## From nothing to a ranked index\n")[1].split("\n## ")[0]
COMMANDS = re.search(r"^```console\n(.*?)^```", SECTION, re.MULTILINE | re.DOTALL).group(1).splitlines()
#: What makes `simbench run` small.
SMALL = {"SIMBENCH_RUN_SEEDS": "2", "SIMBENCH_RUN_LAYERS": "bn8", "SIMBENCH_RUN_MAX_SAMPLES": "120"}
#: Types command lines, given as JSON, into one process, and prints the exit code of each.
TYPED = """
import json, shlex, sys
from simbench.cli import main
codes = []
for line in json.loads(sys.argv[1]):
    print(f"$ {line}")
    try:
        main(shlex.split(line)[1:])
    except SystemExit as end:
        codes.append(end.code)
print(json.dumps(codes))
"""


@pytest.mark.long
@pytest.mark.skipif(not importlib.util.find_spec("pip"), reason="pip, which installs it, is missing here")
def test_every_command_works_and_the_index_is_ranked(tmp_path, warm_cache, monkeypatch):
    new, install, *rest = COMMANDS
    assert new.startswith("simbench new ") and install == "pip install -e ./my-index"
    site, environment = tmp_path / "site", os.environ | SMALL | {"SIMBENCH_CACHE": str(warm_cache)}

    def typed(lines, **more):
        words = [sys.executable, "-c", TYPED, json.dumps(lines)]
        return subprocess.run(words, cwd=tmp_path, env=environment | more, capture_output=True, text=True, check=True)

    assert "wrote my-index/my_index.py" in typed([new]).stdout
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    folder = str(tmp_path / shlex.split(install)[-1])  # the environment stays as it is
    subprocess.run([sys.executable, "-m", "pip", "install", *options, "--target", str(site), folder], check=True)
    done = typed(rest, PYTHONPATH=str(site))
    assert json.loads(done.stdout.splitlines()[-1]) == [0] * len(rest), done.stdout + done.stderr
    board = pd.read_csv(tmp_path / "simbench-results" / "leaderboard.csv")
    assert {"cka", "my_index"} <= set(board["index"])
    measured = pd.read_csv(tmp_path / "simbench-results" / "measurements.csv").query(
        "kind == 'index' and experiment == 'matching'"
    )
    values = measured.pivot(index="seed_a", columns="method", values="value")
    assert values["my_index"].to_numpy() == pytest.approx(values["cka"].to_numpy(), abs=0.05)  # its rows are a sample


def test_the_commands_are_those_of_the_section():
    assert [line.split()[1] for line in COMMANDS] == ["new", "install", "list", "check", "run", "leaderboard"]
