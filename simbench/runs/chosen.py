"""The plugins that a request selects, by names as typed or as configured objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from simbench.contracts import Model, Plugin
from simbench.contracts.fields import NOUNS
from simbench.errors import InputError
from simbench.grammar import split_list
from simbench.isolation.declarations import conforms, layers
from simbench.registry import CONTRACTS, Entry, Registry
from simbench.runs.request import Request
from simbench.system.raised import message


def select(
    registry: Registry, kind: str, given: Iterable[str | Plugin], preset: Callable[[Any], str] = lambda plugin: ""
) -> tuple[Any, ...]:
    """Configured plugins of one kind, in the order given, each once.

    preset: plugin -> parameters to use where a name has no brackets; objects keep their own.
    Raises InputError for a name that matches no installed plugin, for an object of another kind, and for a plugin that
    declares what is not allowed with these parameters (with its defaults, it would not have been loaded).
    """
    chosen: dict[str, Plugin] = {}
    for item in given:
        if isinstance(item, str):
            plugins = registry.select(kind, parts(f"--{kind}", (item,)), preset)
        elif isinstance(item, CONTRACTS[kind]):
            plugins = (item,)
        else:
            raise InputError(
                f"{kind} hold {type(item).__name__}; allowed: names and objects of {CONTRACTS[kind].__name__}"
            )
        for plugin in plugins:
            _look_at(plugin, CONTRACTS[kind], registry.sources)
            chosen[plugin.spec] = plugin
    return tuple(chosen.values())


def _look_at(plugin: Plugin, contract: type[Plugin], sources: Collection[str]) -> None:
    try:
        conforms(plugin, contract, sources)
        if isinstance(plugin, Model):
            layers(plugin)
    except TypeError as error:
        raise InputError(message(error)) from error


def including(registry: Registry, request: Request) -> Registry:
    """The registry with the plugin objects of a request added; their owner is the module that defines them.

    Raises InputError if another plugin of that kind and name is installed.
    """
    entries = {kind: dict(named) for kind, named in registry.entries.items()}
    for item in (plugin for kind in entries for plugin in getattr(request, kind, ())):
        if isinstance(item, Plugin):
            entry = entries[item.kind].setdefault(item.name, Entry(item, type(item).__module__, ""))
            if type(entry.plugin) is not type(item):
                raise InputError(
                    f"{NOUNS[item.kind]} {item.name!r} is not the one that {entry.owner} provides; give it another name"
                )
    return replace(
        registry, entries=MappingProxyType({kind: MappingProxyType(named) for kind, named in entries.items()})
    )


def parts(option: str, texts: Iterable[str]) -> tuple[str, ...]:
    """The comma-separated parts of the texts of an option. Raises InputError that names the option."""
    try:
        return tuple(part for text in texts for part in split_list(text))
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
