"""Networks of a Python file: `nets.py:make`, or `file:nets.py:make`."""

from __future__ import annotations

import ast
import copy
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from simbench_plugins.sources.foreign import Foreign

from simbench import Dataset, InputError, Source, hookimpl
from simbench.errors import unknown
from simbench.system.provenance import digest
from simbench.system.seals import content_of

if TYPE_CHECKING:
    from torch import nn

#: Names under which a factory may ask for the number of channels and of classes.
CHANNELS = ("channels", "in_channels", "in_chans", "num_channels")
CLASSES = ("classes", "num_classes", "n_classes", "num_labels", "outputs")


@dataclass(frozen=True)
class FileNetwork(Foreign):
    """A network that a function or class of a Python file makes, or that stands in it.

    The function is called with the number of channels and of classes where it has parameters of such names (`channels`,
    `in_channels`; `classes`, `num_classes`, ...), and else without arguments.
    inputs, size, mean, std: as the network was trained; none leaves images as the data set gives them.
    optimizer, epochs, learning_rate, augment: of its training.
    """

    prefix = "file"
    source = "a file of the user"

    @property
    def name(self) -> str:
        return self.network

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """The file, and those beside it that it imports."""
        return with_imports(Path(self.network.rpartition(":")[0]).expanduser())

    @property
    def identity(self) -> dict[str, Any]:
        """With the content of the file: an edit of it makes another model. Files that it imports are known by what is
        built."""
        return super().identity | {"file": content_of(self.files[0])}

    @property
    def preprocess(self):
        stated = self.size or self.mean
        return super().preprocess if stated else None

    def published(self) -> Dataset | None:
        return None

    def build(self, channels: int, classes: int) -> nn.Module:
        from torch import nn

        made = getattr(module_of(self.files[0]), self.network.rpartition(":")[2])
        net = copy.deepcopy(made) if isinstance(made, nn.Module) else made(**self._wanted(made, channels, classes))
        if not isinstance(net, nn.Module):
            raise InputError(f"{self.network} gives a {type(net).__name__}; a torch.nn.Module is wanted")
        return net

    def _wanted(self, made: Callable, channels: int, classes: int) -> dict[str, Any]:
        parameters = inspect.signature(made).parameters
        wanted = {name: channels for name in CHANNELS if name in parameters}
        wanted |= {name: classes for name in CLASSES if name in parameters}
        open_ = [
            name
            for name, each in parameters.items()
            if each.default is each.empty
            and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
            and name not in wanted
        ]
        if open_:
            raise InputError(
                f"{self.network} needs {', '.join(open_)}; give them defaults (simbench passes channels and classes, "
                "where the function has parameters of these names)"
            )
        return wanted


def with_imports(path: Path) -> tuple[Path, ...]:
    """A Python file, and the modules and packages in its folder that it imports, directly or not."""
    found, left = {path: None}, [path]
    while left:
        file = left.pop()
        try:
            nodes = list(ast.walk(ast.parse(file.read_text(errors="replace"))))
        except (OSError, SyntaxError):  # whoever imports it says so
            continue
        names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module and not node.level}
        for top in sorted({name.partition(".")[0] for name in names}):
            module, package = path.parent / f"{top}.py", path.parent / top
            for each in [module] if module.is_file() else sorted(package.rglob("*.py")):
                if each not in found:
                    found[each] = None
                    left.append(each)
    return tuple(found)


def module_of(path: Path) -> ModuleType:
    """The module in a file, executed once per content. Raises InputError where that fails."""
    path = path.expanduser().resolve()
    if not path.is_file():
        raise InputError(f"there is no file {path}; give FILE.py:NAME, where NAME makes a network")
    name = f"{path.stem}_{digest([str(path), path.read_text(errors='replace')])[:12]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))  # files beside it
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise InputError(f"{path} cannot be imported ({type(error).__name__}: {error}); correct it") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


class Files(Source):
    """Networks of Python files of the user; `nets.py:make` is short for `file:nets.py:make`."""

    name = "file"
    source = "FILE.py:NAME, where NAME is a function, a class or a network in the file"

    def model(self, name: str) -> FileNetwork:
        path, colon, attribute = name.rpartition(":")
        if not colon or not attribute:
            raise InputError(f"file:{name} names nothing in the file; give FILE.py:NAME, where NAME makes a network")
        module = module_of(Path(path))
        if not callable(getattr(module, attribute, None)):
            own = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
            raise unknown(f"network of {path}", attribute, own)
        return FileNetwork(network=name)


@hookimpl
def simbench_sources():
    return [Files()]
