"""The Markdown documents of the repository: their blocks of code and commands."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
#: The documents of the repository whose Python blocks are run.
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "simbench/**/*.md", "plugins/**/*.md", "benchmarks/*.md", "tests/*.md", "results/*.md")
    for path in ROOT.glob(pattern)
)


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


#: name of the block -> its code
PYTHON = {
    f"{path.relative_to(ROOT).as_posix()}:{number}": block
    for path in DOCUMENTS
    for number, block in enumerate(blocks("python", path.read_text()), 1)
}
PLUGINS = {name: block for name, block in PYTHON.items() if "@hookimpl" in block}
PROGRAMS = {name: block for name, block in PYTHON.items() if name not in PLUGINS}
COMMANDS = [line for block in blocks("console") for line in block.splitlines()]
