"""What a plugin of any kind declares about itself."""

from __future__ import annotations

from dataclasses import is_dataclass

from simbench.check.outcome import require
from simbench.contracts import Plugin
from simbench.contracts.plugin import overrides
from simbench.system.provenance import digest


def described(plugin: Plugin) -> None:
    """Require a name, a source, a version, and frozen parameters that are plain data."""
    for key in ("name", "source"):
        text = getattr(plugin, key, None)
        require(isinstance(text, str) and bool(text.strip()), f"{key} is {text!r}; a text is wanted")
    require(type(plugin.version) is int, f"version is {plugin.version!r}; a whole number is wanted")
    require(
        not is_dataclass(plugin) or type(plugin).__dataclass_params__.frozen,
        "parameters are not frozen; use @dataclass(frozen=True)",
    )
    try:
        digest(plugin.identity)
    except (TypeError, ValueError) as error:
        require(False, f"parameters {plugin.params} are not plain data: {error}")


def declared(plugin: Plugin, methods: dict[str, str]) -> None:
    """Require what `described` does, and the method that `needs` names.

    methods: value of `needs` -> name of the method.
    """
    described(plugin)
    require(plugin.needs in methods, f"needs is {plugin.needs!r}; one of {', '.join(methods)} is wanted")
    require(
        overrides(plugin, methods[plugin.needs]), f"needs {plugin.needs!r} but implements no {methods[plugin.needs]}"
    )
