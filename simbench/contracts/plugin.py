"""The base class of all plugins: a name, parameters, a source and a version."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, ClassVar
from weakref import ref

from simbench.contracts.fields import check, default_of, text, texts


class Plugin:
    """Base class of all plugins. Parameters are the fields of a frozen dataclass with defaults.

    name: what users type. source: citation with equation number. version: raised whenever the same
    parameters would give another number, so that stored results are computed anew. control: of an index or a stitcher,
    that it is there to be beaten: it stands on every board, but no mean and no comparison counts it.

    A parameter is declared by its annotation (bool, int, float, str, Literal, tuple[int, ...] or a union of them) and
    its default; `number`, `numbers` and `nested` declare bounds and other plugins. A plugin that checks more in a
    `__post_init__` of its own calls `super().__post_init__()` first.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    source: ClassVar[str]
    version: ClassVar[int] = 1
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Raise InputError for parameters whose values their fields do not allow."""
        check(self)

    def __eq__(self, other: object) -> bool:
        """By content, as for dataclasses: a plugin equals its copy in another process."""
        if self is other:
            return True
        return isinstance(other, Plugin) and type(self) is type(other) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    @property
    def params(self) -> dict[str, Any]:
        """Parameter -> value; a nested plugin appears as its spec, a tuple as users type it."""
        if not is_dataclass(self):
            return {}
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @property
    def identity(self) -> dict[str, Any]:
        """Plain data that determines every number this plugin computes; part of the key of a result."""
        params = self.params
        for name in params:
            value = getattr(self, name)
            if isinstance(value, Plugin):
                params[name] = value.identity
        return {"name": self.name, "version": self.version, "params": params}

    @property
    def arguments(self) -> str:
        """The parameters that differ from their defaults, as in `variance=0.9,mean=squared`."""
        kind: Any = type(self)
        defaults = _defaults(kind)
        return texts((key, value) for key, value in self.params.items() if value != defaults[key])

    @property
    def spec(self) -> str:
        """What a user would type for this object: `svcca[variance=0.9]`."""
        found = _specs.get(id(self))
        if found is not None and found[0]() is self:
            return found[1]
        arguments = self.arguments
        spec = self.name + (f"[{arguments}]" if arguments else "")
        kind: Any = type(self)
        if _frozen(kind):
            number = id(self)
            _specs[number] = ref(self, lambda gone: _specs.pop(number, None)), spec
        return spec


#: Identity of a plugin -> the plugin and its spec, which every case of it asks for.
_specs: dict[int, tuple[ref[Any], str]] = {}


@cache
def _frozen(kind: type[Any]) -> bool:
    """Whether plugins of a class keep their parameters."""
    return is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


@cache
def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Parameter -> default value, as in `params`."""
    return {f.name: _plain(default_of(f)) for f in fields(kind)} if is_dataclass(kind) else {}


def _plain(value: Any) -> Any:
    if isinstance(value, Plugin):
        return value.spec
    return text(value) if isinstance(value, tuple) else value


def overrides(plugin: Plugin, method: str) -> bool:
    """True where the class of a plugin defines a method of its contract (`Index`, `Stitcher`, ...) itself."""
    contract = next(parent for parent in type(plugin).__mro__ if parent.__module__.startswith("simbench.contracts"))
    return getattr(type(plugin), method) is not getattr(contract, method)
