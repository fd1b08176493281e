"""Cells that a spreadsheet would execute are written as text, and read as they were."""

from __future__ import annotations

import pandas as pd

#: A cell that begins with one of these is a formula to a spreadsheet. The mark itself is one of them, so that what it
#: protects can be told from what begins with it.
MARK = "'"
FORMULA = ("=", "+", "-", "@", "\t", "\r", MARK)


def inert(text: str) -> str:
    """
    >>> inert("=1+1"), inert("bn1"), inert("'quoted'")
    ("'=1+1", 'bn1', "''quoted'")
    """
    return MARK + text if text.startswith(FORMULA) else text


def restored(text: str) -> str:
    """The text that `inert` was given.

    >>> [restored(inert(text)) for text in ("=1+1", "bn1", "'quoted'", "it's")]
    ['=1+1', 'bn1', "'quoted'", "it's"]
    """
    return text[1:] if text.startswith(MARK) and text[1:].startswith(FORMULA) else text


def all_inert(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The frame with the texts of these columns inert."""
    return _each(frame, names, inert, FORMULA)


def all_restored(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The frame with the texts of these columns restored."""
    return _each(frame, names, restored, MARK)


def _each(frame: pd.DataFrame, names: list[str], change, beginnings: str | tuple[str, ...]) -> pd.DataFrame:
    changed = {}
    for name in names:
        column = frame[name]
        if not any(isinstance(value, str) and value.startswith(beginnings) for value in column.unique()):
            continue  # few values are different, and rarely one begins so
        texts = column[[isinstance(value, str) and value.startswith(beginnings) for value in column]]
        changed[name] = column.astype(object)
        changed[name][texts.index] = texts.map(change)
    return frame.assign(**changed) if changed else frame
