"""Checks as items of pytest: one test for every check of every plugin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from simbench.check.kit import checks
from simbench.contracts import Plugin
from simbench.errors import InputError, unknown

if TYPE_CHECKING:
    import pytest


def parametrize(*plugins: Plugin, expected_failures: Mapping[str, str] | None = None) -> pytest.MarkDecorator:
    """A decorator that repeats a pytest test for every check of the given configured plugins.

    The test takes an argument `check` and calls `check()`. It fails with the reason of the check, or is skipped with
    the reason why the check does not apply. Its id joins the plugin's spec and the name of the check, as in
    `test_conforms[mystitcher[rank=4]-optimality]`, and `pytest -k optimality` selects it. A class whose tests all take
    `check` can be decorated, too.

    expected_failures: name of a check -> why the plugins are known to fail it. Such a test has to fail (a strict
        xfail), so that an entry which is no longer needed is reported.

    For installed plugins, give `*simbench.load().select("indices", ["all"])`. Raises ImportError without pytest, and
    InputError for anything that is not a configured index or stitcher, and for unknown names of checks.
    """
    try:
        import pytest
    except ImportError:
        raise ImportError("simbench.check.parametrize needs pytest: pip install pytest") from None
    if not plugins:
        raise InputError("no plugin to check; give configured objects, as in parametrize(MyIndex())")
    pairs = [(_label(plugin), check) for plugin in map(_configured, plugins) for check in checks(plugin)]
    reasons = dict(expected_failures or {})
    for name in reasons.keys() - {check.name for _, check in pairs}:
        raise unknown("check", name, {check.name for _, check in pairs})
    return pytest.mark.parametrize(
        "check",
        [
            pytest.param(
                check,
                id=f"{label}-{check.name}",
                marks=[pytest.mark.xfail(reason=reasons[check.name], strict=True)] if check.name in reasons else [],
            )
            for label, check in pairs
        ],
    )


def _configured(plugin: Plugin) -> Plugin:
    """The plugin; InputError for its class or its name in place of the object."""
    if isinstance(plugin, type):
        raise InputError(f"{plugin.__name__} is a class; give a configured object, as in {plugin.__name__}()")
    if isinstance(plugin, str):
        raise InputError(
            f"{plugin!r} is a name; give a configured object, as in simbench.load().get('indices', {plugin!r})"
        )
    return plugin


def _label(plugin: Plugin) -> str:
    """The plugin's spec, the same in every process; the name of its class while its declarations are wrong."""
    try:
        return re.sub(r" at 0x[0-9a-fA-F]+", "", plugin.spec)
    except Exception:
        return type(plugin).__name__
