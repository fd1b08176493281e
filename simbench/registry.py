"""The registry: every installed plugin by name, with the package that it came from."""

from __future__ import annotations

import fnmatch
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from importlib import metadata
from types import MappingProxyType

import pluggy

from simbench import hookspecs, sourced
from simbench.contracts import Dataset, Experiment, Index, Model, Panel, Plugin, Source, Stitcher
from simbench.contracts.conforming import conforms
from simbench.contracts.fields import NOUNS
from simbench.errors import InputError, unknown
from simbench.families import elsewhere, members
from simbench.grammar import arguments, parse, split_list
from simbench.system.surroundings import abroad

GROUP = "simbench"
CONTRACTS = {contract.kind: contract for contract in (Index, Stitcher, Model, Dataset, Experiment, Panel, Source)}


@dataclass(frozen=True)
class Entry:
    """A registered plugin in its default configuration, and the package it came from."""

    plugin: Plugin
    package: str
    package_version: str

    @property
    def owner(self) -> str:
        return f"{self.package} {self.package_version}".strip()


@dataclass(frozen=True)
class Broken:
    """A plugin package that could not be loaded."""

    name: str
    owner: str
    reason: str
    traceback: str


@dataclass(frozen=True)
class Registry:
    """Everything that is installed, as a frozen value.

    entries: kind ("indices", ...) -> name -> Entry. broken: packages that could not be loaded.
    """

    entries: MappingProxyType[str, MappingProxyType[str, Entry]]
    broken: tuple[Broken, ...] = field(default=())

    def get(self, kind: str, spec: str) -> Plugin:
        """The configured plugin that `spec` names: `get("indices", "svcca[variance=0.9]")`. Raises InputError for an
        unknown name or parameter and for a value that is not allowed."""
        name, given = parse(spec)
        prototype = self._prototype(kind, name)
        values = arguments(prototype, given, spec, self.get)
        try:
            return replace(prototype, **values) if values else prototype
        except InputError as error:
            raise InputError(f"{spec}: {error}") from None

    def _prototype(self, kind: str, name: str) -> Plugin:
        """The plugin of a name in its default configuration."""
        if name in self.entries[kind]:
            return self.entries[kind][name].plugin
        found = sourced.prototype(self.sources, kind, name)
        if found is None:
            raise unknown(NOUNS[kind], name, self.entries[kind], elsewhere(name) or f"simbench list {kind} shows all")
        return found

    @property
    def sources(self) -> dict[str, Source]:
        """Name -> source of models and data sets."""
        return {name: entry.plugin for name, entry in self.entries["sources"].items()}

    def select(
        self, kind: str, specs: Iterable[str], preset: Callable[[Plugin], str] = lambda plugin: ""
    ) -> tuple[Plugin, ...]:
        """Configured plugins of a selection, in the order given, each once; `all`, `*`, `?` match names.

        preset: plugin -> its parameters, as typed, where the selection gives none. Raises InputError for a part that
        names nothing.
        """
        chosen: dict[str, Plugin] = {}
        for text in specs:
            for part in split_list(text):
                name, given = parse(part)
                pattern = "*" if name == "all" else name
                if any(letter in pattern for letter in "*?"):
                    if given:
                        raise InputError(f"{part!r} gives parameters to a pattern; name one {NOUNS[kind]}")
                    names = fnmatch.filter(sorted(self.entries[kind]), pattern)
                    if not names and ":" in pattern:
                        names = sourced.matching(self.sources, kind, pattern)
                    if not names:
                        raise unknown(f"{NOUNS[kind]} pattern", name, self.entries[kind])
                else:
                    names = [name]
                plugins = [
                    self.get(kind, self._beneath(kind, each, given, preset) or (each if each != name else part))
                    for each in names
                ]
                chosen.update((plugin.spec, plugin) for plugin in plugins)
        return tuple(chosen.values())

    def _beneath(self, kind: str, name: str, given: dict[str, str], preset: Callable[[Plugin], str]) -> str:
        """The spec with the preset parameters and, over them, the given ones; "" for an unknown name."""
        if name not in self.entries[kind]:
            return ""
        beneath = preset(self.entries[kind][name].plugin)
        params = (parse(f"{name}[{beneath}]")[1] if beneath else {}) | given
        return name + (f"[{','.join(f'{key}={value}' for key, value in params.items())}]" if params else "")

    def owner(self, plugin: Plugin) -> Entry:
        """The entry that a configured plugin came from; of a model or data set of a source, that of the source."""
        entries = self.entries[plugin.kind]
        return (
            entries[plugin.name] if plugin.name in entries else self.entries["sources"][sourced.halves(plugin.name)[0]]
        )


def load(extra: Iterable[object] = ()) -> Registry:
    """Load every installed plugin, one entry point at a time, and then the `extra` plugin objects.

    A plugin module that raises on import, misspells a hook or returns an object that breaks its contract is listed in
    `broken`, by name, with its traceback. Two plugins of one kind and name raise InputError, which names both owners.
    """
    entries: dict[str, dict[str, Entry]] = {kind: {} for kind in CONTRACTS}
    broken: list[Broken] = []
    found = []
    for point in sorted(metadata.entry_points(group=GROUP), key=lambda p: p.value):
        # Each look at a distribution's name or version reads and parses its file of metadata.
        package, version = (point.dist.name, point.dist.version) if point.dist else ("", "")
        found += [(name, package, version, make) for name, make in members(point)]
    found += [
        (getattr(plugin, "__name__", type(plugin).__name__), "in process", "", lambda plugin=plugin: plugin)
        for plugin in extra
    ]
    seen = set()
    for name, package, version, make in found:
        try:
            with abroad():
                plugin = make()
                if id(plugin) in seen:
                    continue
                seen.add(id(plugin))
                objects = _objects(plugin)
        except Exception as error:
            broken.append(
                Broken(name, f"{package} {version}".strip(), f"{type(error).__name__}: {error}", traceback.format_exc())
            )
            continue
        for item in objects:
            entry = Entry(item, package, version)
            clash = entries[item.kind].setdefault(item.name, entry)
            if clash is not entry:
                raise InputError(
                    f"{NOUNS[item.kind]} {item.name!r} is registered twice, by {clash.owner} and by "
                    f"{entry.owner}; uninstall one of them"
                )
    return Registry(
        MappingProxyType({kind: MappingProxyType(dict(sorted(named.items()))) for kind, named in entries.items()}),
        tuple(broken),
    )


def _objects(plugin: object) -> list[Plugin]:
    """All objects that the hooks of one plugin module return, or the one plugin that an entry point names, each checked
    against its contract."""
    if isinstance(plugin, Plugin):
        conforms(plugin, CONTRACTS.get(getattr(plugin, "kind", ""), Plugin))
        return [plugin]
    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin)
    manager.check_pending()
    if not manager.get_hookcallers(plugin):
        raise TypeError("no hook is implemented; mark a function such as simbench_indices with @simbench.hookimpl")
    objects = []
    for kind, contract in CONTRACTS.items():
        for hook in getattr(manager.hook, f"simbench_{kind}").get_hookimpls():
            batch = hook.function()  # called one by one: pluggy drops a hook that returns None in silence
            if not isinstance(batch, (list, tuple)):
                raise TypeError(f"simbench_{kind} returned {type(batch).__name__}; it must return a list")
            for item in batch:
                conforms(item, contract)
                objects.append(item)
    return objects
