"""What all plugins share: a name, parameters, a source and a version."""

from __future__ import annotations

from dataclasses import field, fields, is_dataclass
from typing import ClassVar


def nested(kind: str, default: str):
    """A dataclass field that holds another plugin, `kind` in the plural ("indices"), as in
    `cka_penalty[index=cka[estimator=debiased]]`; the registry puts the configured object there."""
    return field(default=default, metadata={"kind": kind})


class Plugin:
    """What all plugins share. Parameters are the fields of a frozen dataclass with defaults.

    name: what users type. source: citation with equation number. version: raised whenever the same
    parameters would give another number, so that stored results are computed anew.
    """

    kind: ClassVar[str]
    name: ClassVar[str]
    source: ClassVar[str]
    version: ClassVar[int] = 1

    def __eq__(self, other: object) -> bool:
        """By content, as dataclasses are: one that has been to another process and back is the same plugin."""
        return type(self) is type(other) and self.identity == other.identity

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    @property
    def params(self) -> dict:
        """Parameter -> value; a nested plugin appears as its spec."""
        if not is_dataclass(self):
            return {}
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {key: value.spec if isinstance(value, Plugin) else value for key, value in values.items()}

    @property
    def identity(self) -> dict:
        """Plain data that fixes every number this plugin gives: part of a result's key."""
        inner = (
            {f.name: getattr(self, f.name).identity for f in fields(self) if isinstance(getattr(self, f.name), Plugin)}
            if is_dataclass(self)
            else {}
        )
        return {"name": self.name, "version": self.version, "params": self.params | inner}

    @property
    def arguments(self) -> str:
        """The parameters that differ from their defaults, as in `variance=0.9,mean=squared`."""
        if not is_dataclass(self):
            return ""
        given = {f.name: f.default for f in fields(self)}
        return ",".join(f"{key}={_text(value)}" for key, value in self.params.items() if value != given[key])

    @property
    def spec(self) -> str:
        """What a user would type for this object: `svcca[variance=0.9]`."""
        return self.name + (f"[{self.arguments}]" if self.arguments else "")


def overrides(plugin: Plugin, method: str) -> bool:
    """True where the class of a plugin defines a method of its contract (`Index`, `Stitcher`, ...) anew."""
    contract = next(parent for parent in type(plugin).__mro__ if parent.__module__.startswith("simbench.contracts"))
    return getattr(type(plugin), method) is not getattr(contract, method)


def _text(value) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
