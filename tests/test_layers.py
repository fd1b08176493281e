"""The house stands: every room imports from lower floors only, and rooms keep to what they may know."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import simbench
import simbench_plugins

ROOT = Path(simbench.__file__).parent
PLUGINS = Path(simbench_plugins.__file__).parent

#: From the ground up. A room imports from floors below its own, and from itself.
FLOORS = (
    {"errors", "cache", "durable", "provenance", "digits", "resampling", "stopwatch", "comoments", "spectra", "holding",
      "precision", "listings", "axes", "twins", "ambient", "likeness"},
    {"views", "frames", "reals", "deferred", "seals", "codes", "surroundings"},
    {"basis", "handed"},
    {"answers", "scatter", "affine", "arrays", "cutting", "flow", "inputs", "passes", "selection", "grids", "estimates",
      "figures"},
    {"moments", "contracts", "correlate", "graphs", "centred", "layouts"},
    {"cases", "images", "evaluate", "blocks", "taps", "hookspecs", "store", "objective", "leaderboard",
      "architectures", "checkpoints"},
    {"registry", "spans", "training", "tables", "report", "stitching"},
    {"check", "copies", "sources", "compare", "streams", "publish", "weights"},
    {"activations", "minibatches", "reading"},
    {"stacks", "matrices"},
    {"context", "window"},
    {"measure"},
    {"run"},
    {"cli"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports(path: Path) -> set[str]:
    """Modules that a file imports when it runs, inside functions too; not those for type checkers alone."""
    found = set()

    def visit(node: ast.AST) -> None:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
        for child in ast.iter_child_nodes(node):
            visit(child)

    visit(ast.parse(path.read_text()))
    return found


def rooms_of(path: Path) -> set[str]:
    """Rooms of simbench that a file imports."""
    return {parts[1] for name in imports(path) if (parts := name.split("."))[0] == "simbench" and len(parts) > 1} & set(FLOOR)


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


FILES = sorted(path for path in ROOT.rglob("*.py") if path != ROOT / "__init__.py")


def test_every_room_has_a_floor_and_every_floor_is_lived_in():
    assert {room(path) for path in FILES} == set(FLOOR)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_from_lower_floors_only(path):
    here = room(path)
    upwards = {other for other in rooms_of(path) - {here} if FLOOR[other] >= FLOOR[here]}
    assert not upwards


def test_measuring_and_checking_never_see_the_registry():
    for path in FILES:
        if room(path) in ("measure", "check", "activations", "stitching", "evaluate"):
            assert "registry" not in rooms_of(path), path


def test_statistics_know_data_frames_only():
    for name in ("correlate", "grids", "estimates", "resampling", "leaderboard"):
        assert rooms_of(ROOT / f"{name}.py") <= {"errors", "digits", "correlate", "grids", "estimates", "resampling"}
        assert not {"torch", "simbench_plugins"} & {module.split(".")[0] for module in imports(ROOT / f"{name}.py")}


def test_the_host_knows_no_plugin():
    for path in FILES:
        assert not any(name.startswith("simbench_plugins") for name in imports(path)), path


def test_plugins_keep_out_of_the_driver_and_the_command_line():
    files = [path for path in PLUGINS.rglob("*.py") if "tests" not in path.parts]
    assert len(files) > 10
    for path in files:
        assert not {"run", "cli", "registry", "store", "tables", "publish"} & rooms_of(path), path


def test_no_room_is_a_lumber_room():
    for path in [*FILES, *PLUGINS.rglob("*.py")]:
        assert path.stem not in ("utils", "util", "helpers", "helper", "common", "misc", "base"), path
        assert len(path.read_text().splitlines()) <= 260, path
