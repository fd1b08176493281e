"""Loading: entry points -> the registry of all plugins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from importlib import metadata
from types import MappingProxyType
from typing import Any

import pluggy

from simbench import hookspecs
from simbench.contracts import Plugin
from simbench.contracts.fields import NOUNS
from simbench.errors import InputError
from simbench.families import members
from simbench.isolation.declarations import conforms
from simbench.registry.deaths import Deaths
from simbench.registry.entries import CONTRACTS, Broken, Entry
from simbench.registry.registry import Registry
from simbench.system.interrupts import watched
from simbench.system.raised import clean
from simbench.system.surroundings import abroad

GROUP, IN_PROCESS = "simbench", "in process"


def load(extra: Iterable[object] = ()) -> Registry:
    """Load every installed plugin, one entry point at a time, and then the `extra` plugin objects.

    A plugin module that raises on import or misspells a hook is listed in `broken`, by name, with its traceback; so is
    an object that breaks its contract, and the others of its module stay; and so is one that kills the process, from
    the second time on. Two plugins of one kind and name raise
    InputError, which names both owners.
    """
    with watched(), closing(Deaths()) as deaths:
        return _load(extra, deaths)


def _load(extra: Iterable[object], deaths: Deaths) -> Registry:
    entries: dict[str, dict[str, Entry]] = {kind: {} for kind in CONTRACTS}
    broken: list[Broken] = []
    found = _installed()
    found += [
        (getattr(plugin, "__name__", type(plugin).__name__), IN_PROCESS, "", lambda plugin=plugin: plugin)
        for plugin in extra
    ]
    seen, manager = set(), _manager()
    for name, package, version, make in found:
        owner = f"{package} {version}".strip()
        fatal = deaths.of(name, owner)
        if fatal:
            broken.append(Broken(name, owner, fatal, f"{fatal}\n"))
            continue
        try:
            with deaths.loading(name, owner), abroad():
                plugin = make()
                if id(plugin) in seen:
                    continue
                seen.add(id(plugin))
                objects = _objects(plugin, manager)
        except Exception as error:
            broken.append(Broken.of(name, owner, error))
            continue
        for item, contract in objects:
            try:
                with deaths.loading(name, owner), abroad():
                    conforms(item, contract)
                    entry = Entry(item, package, version)
                    clash = entries[contract.kind].setdefault(item.name, entry)
            except Exception as error:
                own = getattr(type(item), "name", None)
                named = own if isinstance(own, str) and clean(own) == own else name
                broken.append(Broken.of(named, owner, error, contract.kind))
                continue
            if clash is not entry:
                owners = f"by {clash.owner} and by {entry.owner}; uninstall one of them"
                raise InputError(f"{NOUNS[contract.kind]} {item.name!r} is registered twice, {owners}")
    return Registry(
        MappingProxyType({kind: MappingProxyType(dict(sorted(named.items()))) for kind, named in entries.items()}),
        tuple(broken),
    )


def attempt(name: str, owner: str) -> None:
    """Load the plugin of a name and owner as `load` does, whatever became of it before. What it raises is ignored."""
    for each, package, version, make in _installed():
        if (each, f"{package} {version}".strip()) != (name, owner):
            continue
        with suppress(Exception), abroad():
            for item, contract in _objects(make(), _manager()):
                with suppress(Exception):
                    conforms(item, contract)


def _installed() -> list[tuple[str, str, str, Callable[[], object]]]:
    """(name, package, its version, function that loads it) of every installed plugin module, or object."""
    modules = []
    owners = {0: ("", "")}
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.value):
        at = id(point.dist) if point.dist else 0
        if at not in owners:  # each look at a distribution's name or version reads and parses its file of metadata
            owners[at] = (point.dist.name, point.dist.version)
        package, version = owners[at]
        modules += [(name, package, version, make) for name, make in members(point)]
    return modules


def _manager() -> pluggy.PluginManager:
    """A manager that knows the hooks, and no plugin."""
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    return manager


def _objects(plugin: object, manager: pluggy.PluginManager) -> list[tuple[Any, type[Plugin]]]:
    """All objects that the hooks of one plugin module return, or the one plugin that an entry point names, each with
    the contract that it has to keep. The manager holds the module only meanwhile."""
    if isinstance(plugin, Plugin):
        return [(plugin, CONTRACTS.get(getattr(plugin, "kind", ""), Plugin))]
    try:
        manager.register(plugin)
        manager.check_pending()
        return _returned(plugin, manager)
    finally:
        if manager.is_registered(plugin):
            manager.unregister(plugin)


def _returned(plugin: object, manager: pluggy.PluginManager) -> list[tuple[Any, type[Plugin]]]:
    """What the hooks of the one registered plugin return."""
    if not manager.get_hookcallers(plugin):
        raise TypeError("no hook is implemented; mark a function such as simbench_indices with @simbench.hookimpl")
    objects = []
    for kind, contract in CONTRACTS.items():
        for hook in getattr(manager.hook, f"simbench_{kind}").get_hookimpls():
            batch = hook.function()  # called one by one: pluggy drops a hook that returns None in silence
            if not isinstance(batch, (list, tuple)):
                raise TypeError(f"simbench_{kind} returned {type(batch).__name__}; it must return a list")
            objects += [(item, contract) for item in batch]
    return objects
