"""Imports: a module whose functions are rarely called is imported when one is, and everything else as ever."""

import gc
import sys

import pytest

from simbench.system.imports import deferred, uncollected

MODULE = "def double(x):\n    return 2 * x\n\n\nnumber = 5\n"


@pytest.fixture
def rarely(tmp_path, monkeypatch):
    """A module, and one that imports its function."""
    (tmp_path / "rarely.py").write_text(MODULE)
    (tmp_path / "user.py").write_text("from rarely import double\n")
    (tmp_path / "reader.py").write_text("from rarely import double, number\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("rarely", "user", "reader"):
        sys.modules.pop(name, None)


def test_a_module_is_imported_when_its_function_is_called(rarely):
    with deferred("rarely", "double"):
        import user
    assert "rarely" not in sys.modules
    assert user.double(4) == 8
    assert sys.modules["rarely"].number == 5


def test_any_other_name_imports_it_at_once(rarely):
    with deferred("rarely", "double"):
        import reader

        assert reader.number == 5 and sys.modules["rarely"].__file__
    import rarely as real

    assert reader.double(4) == real.double(4) == 8


def test_a_module_that_is_imported_already_stays(rarely):
    import rarely as real

    with deferred("rarely", "double"):
        import user
    assert user.double is real.double and sys.modules["rarely"] is real


def test_after_the_context_the_module_itself_is_imported(rarely):
    with pytest.raises(ZeroDivisionError), deferred("rarely", "double"):
        raise ZeroDivisionError
    import rarely as real

    assert real.__file__


@pytest.mark.parametrize("enabled", [True, False])
def test_garbage_is_collected_again_only_where_it_was(enabled):
    before = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() is enabled
    finally:
        (gc.enable if before else gc.disable)()
