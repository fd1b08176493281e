"""What the README files show is there: the options of commands, and the imports of blocks of Python."""

from __future__ import annotations

import ast
import shlex

import pytest
from documents import COMMANDS, PYTHON


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("simbench ")])
def test_every_verb_knows_its_options(line):
    """The commands themselves are run by test_command_works_as_typed."""
    from simbench.cli import cli

    verb, *words = shlex.split(line)[1:]
    assert cli.get_command(None, verb).make_context(verb, words).command.name == verb


@pytest.mark.parametrize("name", PYTHON)
def test_every_block_of_python_imports_what_exists(name):
    """The blocks themselves are run by test_a_block_of_python_runs_without_warnings."""
    imports = [node for node in ast.walk(ast.parse(PYTHON[name])) if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        exec(compile(ast.Module([node], []), name, "exec"), {})
    assert imports
