"""Whether an object that a hook returned keeps the contract of its kind, as far as can be seen without using it."""

from __future__ import annotations

from dataclasses import is_dataclass

from simbench.contracts.fields import NOUNS
from simbench.contracts.index import Index
from simbench.contracts.panel import Panel
from simbench.contracts.plugin import Plugin


def conforms(item: object, contract: type[Plugin]) -> None:
    """Raise TypeError that says what is wrong."""
    noun = NOUNS[contract.kind]
    if not isinstance(item, contract):
        raise TypeError(f"simbench_{contract.kind} returned {item!r}; an {contract.__name__} object is wanted")
    name = getattr(item, "name", None)
    if not isinstance(name, str) or not name or set(name) & set("[],=*?: ") or name == "all":
        raise TypeError(f"{noun} {type(item).__name__} has the name {name!r}; a word without []=,*?: is wanted")
    if not isinstance(getattr(item, "source", None), str):
        raise TypeError(f"{noun} {name!r} names no source; give a class attribute `source`")
    if isinstance(item, Index) and hasattr(item, "direction"):
        raise TypeError(f"{noun} {name!r} has an attribute `direction`; it is claimed by `Claims(direction=...)`")
    if not isinstance(item.version, int):
        raise TypeError(f"{noun} {name!r} has version {item.version!r}; a whole number is wanted")
    if isinstance(item, Panel) and (
        not isinstance(getattr(item, "sha256", None), str) or not (item.file or item.address)
    ):
        raise TypeError(f"{noun} {name!r} has no sha256, or neither a file nor an address; give both")
    if isinstance(item, Plugin) and is_dataclass(item) and not type(item).__dataclass_params__.frozen:
        raise TypeError(f"{noun} {name!r} is a dataclass that is not frozen; use @dataclass(frozen=True)")
