"""The layers that a user names, and those that are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from simbench.errors import InputError, unknown
from simbench.grammar import split_list
from simbench.tracing.layouts import Layouts


def names_of(layers: str | Sequence[str] | None, option: str) -> list[str] | None:
    """Names of layers, each once; None for all. InputError for an empty list."""
    if layers is None:
        return None
    names = list(dict.fromkeys(split_list(layers) if isinstance(layers, str) else layers))
    if not names:
        raise InputError(f"{option} is empty; name submodules, or give None for all")
    return names


def check_names(given: list[Layouts], a: nn.Module, b: nn.Module) -> None:
    """InputError for the layout of a layer that the network does not have."""
    names = [[name for name, _ in net.named_modules(remove_duplicate=False) if name] for net in (a, b)]
    for layouts, own in zip(given, ([*names[0], *names[1]],) * 2 if given[0] == given[1] else names, strict=True):
        for name in layouts.unmatched(own):
            raise unknown("layer in layouts", name, own, "layers are the names of submodules, or patterns of them")


def said(name: str, reasons: Mapping[str, str]) -> str:
    """A line that says which layers of a network are left out and why, the first of each reason."""
    grouped: dict[str, list[str]] = {}
    for layer, reason in reasons.items():
        grouped.setdefault(reason, []).append(layer)
    parts = [
        f"{layers[0]!r}{f' and {len(layers) - 1} others' if len(layers) > 1 else ''} ({reason})"
        for reason, layers in list(grouped.items())[:3]
    ]
    more = "; ..." if len(grouped) > 3 else ""
    return f"{len(reasons)} layers of {name} are left out: {'; '.join(parts)}{more}; attrs['left_out'] has all"
