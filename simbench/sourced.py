"""Models and data sets of sources: `torchvision:resnet18`, `arrays:FILE.npz`, `nets.py:make`."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

from simbench.contracts import Plugin, Source
from simbench.contracts.fields import NOUNS
from simbench.errors import InputError, unknown
from simbench.system.names import halves
from simbench.system.surroundings import abroad


def prototype(sources: Mapping[str, Source], kind: str, name: str) -> Plugin | None:
    """The model or data set of a name with a colon, in its default configuration; None for a name without one.

    Raises InputError for an unknown source, and where the source has no such thing."""
    source, behind = halves(name)
    if not source:
        return None
    if source not in sources:
        raise unknown("source", source, sources, "simbench list sources shows all")
    if kind not in GIVES or not gives(sources[source], kind):
        raise InputError(
            f"{name!r}: source {source!r} has no {kind}; allowed: "
            + (", ".join(f"{each}:" for each in sources if kind in GIVES and gives(sources[each], kind)) or "none")
        )
    if not behind:
        raise InputError(f"{name!r} names nothing behind its colon; give {source}:NAME ({sources[source].source})")
    with abroad():
        return getattr(sources[source], GIVES[kind])(behind)


#: kind -> the method of a source that gives one.
GIVES = {"models": "model", "datasets": "dataset"}


def gives(source: Source, kind: str) -> bool:
    """Whether a source has plugins of this kind."""
    return getattr(type(source), GIVES[kind]) is not getattr(Source, GIVES[kind])


def matching(sources: Mapping[str, Source], kind: str, pattern: str) -> list[str]:
    """The names that match a pattern with a colon, such as `torchvision:resnet*`. Raises InputError where none does."""
    name, behind = halves(pattern)
    if name not in sources:
        raise unknown("source", name, sources, "simbench list sources shows all")
    with abroad():
        names = sources[name].names() if kind == "models" else ()
    matches = [f"{name}:{each}" for each in fnmatch.filter(names, behind)]
    if not matches:
        raise unknown(f"{NOUNS[kind]} pattern", pattern, [f"{name}:{each}" for each in names] or [f"{name}:NAME"])
    return matches
