"""The registry: every installed plugin by name, with the package that it came from."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from simbench import sourced
from simbench.contracts import Plugin, Source
from simbench.contracts.fields import NOUNS
from simbench.errors import InputError, unknown
from simbench.families import elsewhere
from simbench.grammar import arguments, parse, split_list
from simbench.registry.entries import Broken, Entry
from simbench.system.names import LONGEST, halves, unfit
from simbench.system.raised import clean


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
        last = name.rpartition("/")[2]  # a path may be long
        for fault in filter(None, (unfit(last), unfit(spec, len(spec) or 1))):
            raise InputError(f"{NOUNS[kind]} {clean(repr(spec), LONGEST)}: its name {fault}; give another")
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
            raise self._missing(kind, name)
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

    def _missing(self, kind: str, name: str) -> InputError:
        """Why a name was left out, or which names are like it."""
        for broken in self.broken:
            if (broken.kind, broken.name) == (kind, name):
                return InputError(f"{NOUNS[kind]} {name!r} of {broken.owner} cannot be used: {broken.reason}")
        return unknown(NOUNS[kind], name, self.entries[kind], elsewhere(name) or f"simbench list {kind} shows all")

    def owner(self, plugin: Plugin) -> Entry:
        """The entry that a configured plugin came from; of a model or data set of a source, that of the source."""
        entries = self.entries[plugin.kind]
        return entries[plugin.name] if plugin.name in entries else self.entries["sources"][halves(plugin.name)[0]]
