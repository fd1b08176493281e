"""Layouts that a user says of the layers of networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from simbench.errors import InputError, unknown
from simbench.grammar import split_list
from simbench.moments.layout import Layout

#: (name or pattern of layers, layout), as in `simbench.Network.layouts`.
Said = tuple[tuple[str, str], ...]
FORMS = (
    "give a layout such as 'ntc' for all layers, a dict of layer or pattern -> layout, such as "
    "{'blocks.*': 'tokens[prefix=1]'}"
)


def of_both(given: Any) -> tuple[Said, Said]:
    """What is said of the layers of a, and of b. given: None, a layout, a mapping, or a pair of these. Raises
    InputError for anything else, and for a layout that is unknown."""
    pair = given if isinstance(given, (tuple, list)) else (given, given)
    if len(pair) != 2:
        raise InputError(f"layouts has {len(pair)} parts; {FORMS}, or a pair of these, for a and for b")
    a, b = map(of_all, pair)
    return a, b


def typed(texts: Iterable[str]) -> dict[str, str]:
    """Layer or pattern -> layout, of texts such as `blocks.*=tokens[prefix=1],nhwc`. InputError for two layouts of one
    name.

    >>> typed(["blocks.*=tokens[prefix=1],norm=ntc"])
    {'blocks.*': 'tokens[prefix=1]', 'norm': 'ntc'}
    """
    said: dict[str, str] = {}
    for part in (part for text in texts for part in split_list(text)):
        name, _, layout = part.partition("=") if "=" in part.partition("[")[0] else ("*", "=", part)
        name, layout = name.strip(), layout.strip()
        if said.setdefault(name, layout) != layout:
            raise InputError(f"layouts say {said[name]} and {layout} of {name}; give one of them")
    return said


def of_all(given: Any) -> Said:
    """What is said of the layers of every network. given: None, a layout, a mapping, or what this returns. Raises
    InputError for anything else, and for a layout that is unknown."""
    if given is None:
        return ()
    if isinstance(given, tuple) and all(isinstance(each, tuple) and len(each) == 2 for each in given):
        given = dict(given)
    if not isinstance(given, (str, Mapping)):
        raise InputError(f"layouts is a {type(given).__name__}; {FORMS}")
    said = {"*": given} if isinstance(given, str) else given
    return tuple((str(name), str(Layout.parse(str(layout)))) for name, layout in said.items())


def must_match(said: tuple[Said, Said], layers: tuple[Iterable[str], Iterable[str]]) -> None:
    """Raise InputError for a name or pattern that matches no layer of the network that it is said of, or of either
    network where it is said of both."""
    own = tuple(map(tuple, layers))
    both = set(said[0]) & set(said[1])
    for mine, names in zip(said, own, strict=True):
        must_name(tuple(each for each in mine if each in both), (*own[0], *own[1]))
        must_name(tuple(each for each in mine if each not in both), names)


def must_name(said: Said, layers: Iterable[str]) -> None:
    """Raise InputError for a name or pattern that matches none of the layers."""
    names = list(layers)
    for pattern, _ in said:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise unknown("layer in layouts", pattern, names, "layers are the names of submodules, or patterns of them")


def fitting(said: Said, shapes: Mapping[str, tuple[int, ...] | None], name: str) -> Said:
    """(layer, layout) of the layers of a network that is said so. shapes: layer -> shape of its output for one input,
    or None. A pattern is of the layers that have as many axes as its layout; InputError for a layer that is named and
    has not."""
    found: dict[str, str] = {}
    for pattern, text in said:
        layout = Layout.parse(text)
        for layer, shape in shapes.items():
            if layer in found or shape is None or not fnmatchcase(layer, pattern):
                continue
            if len(shape) + 1 == layout.axes:
                _must_hold(layout, shape, f"{layer} of {name}")
                found[layer] = text
            elif layer == pattern:
                raise _unlike(layout, shape, f"{layer} of {name}")
    return tuple(found.items())


def _must_hold(layout: Layout, shape: tuple[int, ...], what: str) -> None:
    """Raise InputError for tokens of another number than a layout says, or without any beside class tokens."""
    places = shape[0] - layout.prefix
    if layout.kind == "tokens" and (places < 1 or (layout.grid and layout.grid[0] * layout.grid[1] != places)):
        raise _unlike(layout, shape, what)


def _unlike(layout: Layout, shape: tuple[int, ...], what: str) -> InputError:
    return InputError(f"{what} gives activations of shape (n, {', '.join(map(str, shape))}), which are no {layout}")
