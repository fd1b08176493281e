"""Declarations of plugins: names, versions, parameters and claims, looked at before anything runs.

A bad one is a TypeError in one line: which plugin and attribute, its value, and what is allowed.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from simbench.contracts import (
    INVARIANCES,
    BoardColumn,
    Claims,
    Experiment,
    Index,
    Model,
    Panel,
    Plugin,
    Preset,
    Stitcher,
)
from simbench.contracts.fields import NOUNS
from simbench.system.names import LONGEST, halves, unfit
from simbench.system.provenance import canonical
from simbench.system.raised import clean, told

#: Letters that mean something where names are typed.
RESERVED = "[],=*?:"


def conforms(item: object, contract: type[Plugin], sources: Collection[str] = ()) -> None:
    """Raise TypeError unless an object is a plugin of the contract, and all that it declares is allowed. Called in
    surroundings of its own: it reads properties of plugins.

    sources: names of sources that may have given it; its name then is what they were asked for, often a path."""
    noun, kind = NOUNS.get(getattr(contract, "kind", ""), "plugin"), getattr(contract, "kind", "")
    if not isinstance(item, contract):
        raise TypeError(f"simbench_{kind} returned {_shown(item)}; an {contract.__name__} object is wanted")
    name = _read(item, "name", f"{noun} {type(item).__name__}")
    if not _is_name(name) and not _is_sourced(name, sources):
        raise TypeError(
            f"{noun} {type(item).__name__} has the name {_shown(name)}; a printable word of at most {LONGEST} letters "
            f"without []=,*?: is wanted"
        )
    who = f"{noun} {name!r}"
    if kind and item.kind != kind:
        raise TypeError(f"{who} has kind {_shown(item.kind)}; {kind!r} is wanted")
    if not isinstance(_read(item, "source", who), str):
        raise TypeError(f"{who} names no source; give a class attribute `source`")
    if isinstance(item, Index) and hasattr(type(item), "direction"):
        raise TypeError(f"{who} has an attribute `direction`; it is claimed by `Claims(direction=...)`")
    if not _is_whole(_read(item, "version", who)):
        raise TypeError(f"{who} has version {_shown(item.version)}; a whole number is wanted")
    _must(who, item, "control", _is_bool, "True or False")
    if isinstance(item, Panel) and (
        not isinstance(getattr(item, "sha256", None), str) or not (item.file or item.address)
    ):
        raise TypeError(f"{who} has no sha256, or neither a file nor an address; give both")
    if is_dataclass(item) and not type(item).__dataclass_params__.frozen:  # type: ignore[attr-defined]
        raise TypeError(f"{who} is a dataclass that is not frozen; use @dataclass(frozen=True)")
    _parameters(who, item)
    if isinstance(item, Index):
        _index(who, item)
    elif isinstance(item, Stitcher):
        for attribute in ("family", "objective"):
            _must(who, item, attribute, _is_text, "a word")
    elif isinstance(item, Experiment):
        _experiment(who, item)


def layers(model: Model) -> None:
    """Raise TypeError unless a model names its layers: apart from `conforms`, for it may take long."""
    who = f"model {model.name!r}"
    for attribute in ("layers", "default_layers"):
        _must(who, model, attribute, _are_layers, "a tuple of one or more different names")


def _parameters(who: str, item: Plugin) -> None:
    """Parameters are plain data, and those that are plugins conform, too."""
    for f in fields(item) if is_dataclass(item) else ():
        value = _read(item, f.name, who)
        if isinstance(value, Plugin):
            conforms(value, type(value))
            continue
        try:
            canonical([value]).encode()
        except (TypeError, ValueError, RecursionError):
            raise TypeError(
                f"{who} has a parameter {f.name} = {_shown(value)}; plain data is wanted: none, true, false, "
                "a finite number, text, or a tuple of these"
            ) from None


def _index(who: str, item: Index) -> None:
    claims = _read(item, "claims", who)
    if not isinstance(claims, Claims):
        raise TypeError(f"{who} has claims {_shown(claims)}; a simbench.Claims is wanted")
    _must(who, claims, "direction", lambda x: _is_whole(x) and x in (1, -1), "1 or -1", "claims ")
    _must(who, claims, "range", _is_range, "two numbers (low, high) with low < high", "claims ")
    for attribute in ("symmetric", "differentiable", "reflexive"):
        _must(who, claims, attribute, _is_bool, "True or False", "claims ")
    for attribute in ("invariances_a", "invariances_b"):
        _must(who, claims, attribute, _are_invariances, f"a frozenset of {', '.join(INVARIANCES)}", "claims ")
    _must(who, item, "needs", lambda x: x in ("moments", "samples", "case"), "'moments', 'samples' or 'case'")
    for attribute in ("any_precision", "inner", "prepares", "takes_samples"):
        _must(who, item, attribute, _is_bool, "True or False")
    for attribute in ("max_rows", "minibatches"):
        _must(who, item, attribute, lambda x: x is None or (_is_whole(x) and x > 0), "a whole number from 1, or None")
    _must(who, item, "slow", _is_text, "text")


def _experiment(who: str, item: Experiment) -> None:
    for attribute, kind in (("presets", Preset), ("board", BoardColumn)):
        _must(
            who, item, attribute, lambda x, kind=kind: _is_mapping(x, kind), f"a mapping from words to {kind.__name__}"
        )
    for attribute in ("across", "default"):
        _must(who, item, attribute, _is_bool, "True or False")


def _must(
    who: str, item: object, attribute: str, allowed: Callable[[Any], bool], wanted: str, verb: str = "has "
) -> None:
    value = _read(item, attribute, who)
    try:
        fits = allowed(value)
    except Exception:  # comparing it raises
        fits = False
    if not fits:
        raise TypeError(f"{who} {verb}{attribute} {_shown(value)}; {wanted} is allowed")


def _read(item: object, attribute: str, who: str) -> Any:
    """An attribute, None where there is none. TypeError that names it where reading it raises."""
    try:
        return getattr(item, attribute, None)
    except Exception as error:
        raise TypeError(f"{who} raised {told(error)}, when its `{attribute}` was read") from error


def _shown(value: object) -> str:
    try:
        return clean(repr(value), 100)
    except Exception:  # its repr is the plugin's
        return f"a {type(value).__name__}"


def _is_name(value: Any) -> bool:
    return not unfit(value) and value != "all" and not any(letter in RESERVED or letter.isspace() for letter in value)


def _is_sourced(value: Any, sources: Collection[str]) -> bool:
    return isinstance(value, str) and value.isprintable() and halves(value)[0] in sources and bool(halves(value)[1])


def _is_whole(value: object) -> bool:
    return type(value) is int


def _is_bool(value: object) -> bool:
    return isinstance(value, bool)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and clean(value) == value


def _is_range(value: Any) -> bool:
    low, high = value
    real = all(isinstance(x, numbers.Real) and not isinstance(x, bool) and not math.isnan(x) for x in (low, high))
    return isinstance(value, tuple) and real and low < high


def _are_invariances(value: object) -> bool:
    return isinstance(value, frozenset) and value <= INVARIANCES.keys()


def _are_layers(value: Any) -> bool:
    return isinstance(value, tuple) and all(map(_is_text, value)) and 0 < len(value) == len(set(value))


def _is_mapping(value: Any, kind: type) -> bool:
    return isinstance(value, Mapping) and all(_is_text(x) and isinstance(y, kind) for x, y in value.items())
