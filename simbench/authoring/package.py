"""A complete package with one plugin, to start from: `simbench new`."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from simbench.contracts import Dataset, Executor, Experiment, Index, Model, Plugin, Source, Stitcher
from simbench.contracts.fields import NOUNS
from simbench.errors import InputError

#: What users type -> the contract.
KINDS: dict[str, type[Plugin]] = {
    "index": Index,
    "stitcher": Stitcher,
    "model": Model,
    "dataset": Dataset,
    "experiment": Experiment,
    "executor": Executor,
    "source": Source,
}
CHECK = "    simbench check $name             # does it keep its contract and its claims?\n"
#: Kind -> the commands that try the plugin out.
COMMANDS = {
    "index": CHECK + "    simbench run --indices cka,$name  # ranked beside CKA",
    "stitcher": CHECK + "    simbench run --stitchers least_squares,$name --layers bn5",
    "model": CHECK + "    simbench run --models $name --seeds 3",
    "dataset": CHECK + "    simbench run --datasets $name --seeds 3 --layers bn8",
    "experiment": "    simbench run --experiments $name --layers bn5",
    "source": "    simbench list models '$name:*'\n    simbench check $name:small   # one of its models\n"
    "    simbench run --models $name:small --seeds 3",
    "executor": CHECK + "    simbench run --executor $name --seeds 3 --layers bn8",
}


@dataclass(frozen=True)
class Package:
    """A package to be written. kind: a key of KINDS. name: of the plugin and of its module."""

    kind: str
    name: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}; allowed: {', '.join(KINDS)}")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", self.name) or len(self.name) > 60 or keyword.iskeyword(self.name):
            raise InputError(
                f"name is {self.name!r}; small letters, digits and underscores are allowed, up to 60, the first a "
                "letter, such as my_index"
            )

    @property
    def folder(self) -> str:
        """Name of the distribution and of its folder."""
        return self.name.replace("_", "-").rstrip("-")

    @property
    def contents(self) -> dict[str, str]:
        """Path -> text of every file."""
        whole = "an object" if self.kind == "index" else "a module with hooks"
        words = {
            "name": self.name,
            "module": self.name,
            "package": self.folder,
            "title": "".join(part.capitalize() for part in self.name.split("_")),
            "article": "An" if self.kind[0] in "aeiou" else "A",
            "noun": NOUNS[KINDS[self.kind].kind],
            "kind": KINDS[self.kind].kind,
            "contract": KINDS[self.kind].__name__,
            "loaded": whole,
            "entry": f"{self.name}:{self.name}" if self.kind == "index" else self.name,
        }
        words["commands"] = Template(COMMANDS[self.kind]).substitute(words)
        texts = {
            "pyproject.toml": "pyproject",
            "README.md": "readme",
            f"{self.name}.py": self.kind,
            f"tests/test_{self.name}.py": f"{self.kind}_test",
        }
        templates = files("simbench.authoring") / "templates"
        return {
            path: Template((templates / f"{name}.txt").read_text()).substitute(words) for path, name in texts.items()
        }

    def write(self, parent: Path) -> Path:
        """Write the package to a new folder in `parent`, and return the folder. InputError where there is one."""
        folder = parent / self.folder
        if folder.exists():
            raise InputError(f"{folder} exists already; give another name, or another place with --to")
        try:
            for path, text in self.contents.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_text(text)
        except OSError as error:
            raise InputError(f"{folder} cannot be written: {error.strerror}; give another place with --to") from None
        return folder
