"""The house stands: every room imports from lower floors only, no imports go round in a circle, and rooms keep to what
they may know. Imports for type checkers alone count, too."""

from __future__ import annotations

import ast
import graphlib
import re
from functools import cache
from pathlib import Path

import simbench_plugins

import simbench

ROOT = Path(simbench.__file__).parent
PLUGINS = Path(simbench_plugins.__file__).parent
TESTS = Path(__file__).parent

#: From the ground up. A room imports from floors below its own, and from itself.
FLOORS = (
    {"columns", "errors", "system"},
    {"grammar", "moments", "statistics"},
    {"contracts"},
    {"authoring", "data", "families", "hookspecs", "isolation", "networks", "results", "sourced", "tracing"},
    {"cutting"},
    {"measuring", "registry", "report"},
    {"check", "comparison", "runs"},
    {"boards", "publishing"},
    {"cli"},
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
FILES = {
    ".".join(("simbench", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
    if path != ROOT / "__init__.py"
}


@cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports: when it runs, inside functions, or for type checkers."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def modules_of(path: Path) -> set[str]:
    """Modules of simbench that a file imports: of a module and a folder it lies in, the module alone."""
    found = imports(path) & FILES.keys()
    return {name for name in found if not any(other.startswith(f"{name}.") for other in found)}


def rooms_of(path: Path) -> set[str]:
    """Rooms of simbench that a file imports."""
    return {name.split(".")[1] for name in imports(path) & FILES.keys()}


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_has_a_floor_and_every_floor_is_lived_in():
    assert {room(module) for module in FILES} == set(FLOOR)


def test_the_readme_shows_every_room_on_its_floor():
    shown, floor = {}, None
    readme = (Path(__file__).parents[1] / "simbench" / "README.md").read_text()  # it is not installed
    for cells in re.findall(r"^\| (\d?) ?\| `(\w+)/?` \|", readme, re.MULTILINE):
        floor = int(cells[0]) if cells[0] else floor
        shown[cells[1]] = floor - 1
    assert shown.items() >= FLOOR.items()


def test_a_room_imports_from_lower_floors_only():
    upwards = {
        (module, other)
        for module, path in FILES.items()
        for other in rooms_of(path) - {room(module)}
        if FLOOR[other] >= FLOOR[room(module)]
    }
    assert not upwards


def test_no_imports_go_round_in_a_circle():
    graphlib.TopologicalSorter({module: modules_of(path) - {module} for module, path in FILES.items()}).prepare()


def test_measuring_and_checking_never_see_the_registry():
    for module, path in FILES.items():
        if room(module) in ("measuring", "check"):
            assert "registry" not in rooms_of(path), path


def test_statistics_know_data_frames_only():
    files = [path for module, path in FILES.items() if room(module) == "statistics"]
    assert len(files) > 4
    for path in files:
        assert rooms_of(path) <= {"errors", "columns", "statistics"}, path
        assert not {"torch", "simbench_plugins"} & {module.split(".")[0] for module in imports(path)}, path


def test_columns_import_nothing():
    for name in ("simbench.columns", "simbench.columns.measured", "simbench.columns.derived"):
        assert rooms_of(FILES[name]) <= {"columns"}


def test_the_host_knows_no_plugin():
    for path in FILES.values():
        assert not any(name.startswith("simbench_plugins") for name in imports(path)), path


def test_plugins_keep_out_of_the_driver_and_the_command_line():
    files = [path for path in PLUGINS.rglob("*.py") if "tests" not in path.relative_to(PLUGINS).parts]
    assert len(files) > 10
    for path in files:
        assert not {"runs", "cli", "registry"} & rooms_of(path), path
        assert not {"simbench.results.store", "simbench.results.tables", "simbench.results.folder"} & imports(path), (
            path
        )


def test_no_room_is_a_lumber_room():
    for path in [*FILES.values(), *PLUGINS.rglob("*.py")]:
        assert path.stem not in ("utils", "util", "helpers", "helper", "common", "misc", "base"), path
        assert len(path.read_text().splitlines()) <= 200, path


def test_the_root_of_the_tests_holds_tests_only():
    assert all(path.name.startswith("test_") or path.name == "conftest.py" for path in TESTS.glob("*.py"))


def test_files_of_tests_fit_into_300_lines():
    files = [*TESTS.rglob("*.py")]
    assert len(files) > 100
    for path in files:
        assert len(path.read_text().splitlines()) <= 300, path
