"""Names of plugins, networks and data: what a text must be to stand in tables, file names and messages."""

from __future__ import annotations

from simbench.system.raised import clean

#: Most characters of a name.
LONGEST = 100


def unfit(name: object, longest: int = LONGEST) -> str:
    """Why a value cannot be a name, as the end of "its name ...", or "".

    >>> unfit("seed 0"), unfit("a\\tb"), unfit("x" * 101)
    ('', "'a\\\\tb' holds characters that cannot be printed", 'has 101 characters; at most 100 are allowed')
    """
    if not isinstance(name, str):
        return f"is a {type(name).__name__}; text is wanted"
    if not name:
        return "is empty"
    if not name.isprintable():
        return f"{clean(repr(name), longest)} holds characters that cannot be printed"
    return "" if len(name) <= longest else f"has {len(name)} characters; at most {longest} are allowed"


def halves(name: str) -> tuple[str, str]:
    """The name of the source and what stands behind its colon; the source is "" for a name of none.

    A Python file needs no prefix: `nets.py:make` is `file:nets.py:make`.

    >>> halves("torchvision:resnet18"), halves("nets.py:make"), halves("tiny10")
    (('torchvision', 'resnet18'), ('file', 'nets.py:make'), ('', 'tiny10'))
    """
    before, colon, behind = name.partition(":")
    if not colon:
        return "", name
    return ("file", name) if before.endswith(".py") else (before, behind)
