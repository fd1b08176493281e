"""The selection grammar: `svcca[variance=0.99],cka_penalty[index=cka[estimator=biased]]`.

Commas outside brackets separate; `all`, `*` and `?` match names; parameters stand in brackets and nest; plus signs
separate the values of a parameter that holds several, as in `low_rank[ranks=4+8+16]`.
"""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from simbench.errors import InputError, unknown

GRAMMAR = "the form is name or name[parameter=value,...]"
#: Largest count of seeds, and largest seed that every generator accepts.
MOST_SEEDS, LARGEST_SEED = 10_000, 2**32 - 1


def split_list(text: str) -> list[str]:
    """Parts between the commas outside brackets. Raises InputError for brackets that do not pair and for empty parts.

    >>> split_list("svcca[variance=0.9,mode=x],cca")
    ['svcca[variance=0.9,mode=x]', 'cca']
    """
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter == "[") - (letter == "]")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    if depth != 0:
        raise InputError(f"brackets in {text!r} do not pair; {GRAMMAR}")
    parts = [part.strip() for part in (*parts, text[start:])]
    if not all(parts):
        raise InputError(f"{text!r} has an empty part; {GRAMMAR}, separated by commas")
    return parts


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Name and parameters, as text, of one part. Raises InputError for text of another form.

    >>> parse("svcca[variance=0.9]")
    ('svcca', {'variance': '0.9'})
    """
    name, bracket, rest = text.partition("[")
    if not bracket:
        if "]" in text or "=" in text:
            raise InputError(f"{text!r} is malformed; {GRAMMAR}")
        return name.strip(), {}
    if not rest.endswith("]") or not name.strip():
        raise InputError(f"{text!r} is malformed; {GRAMMAR}")
    params: dict[str, str] = {}
    if not rest[:-1].strip():
        raise InputError(f"{text!r} has nothing between its brackets; {GRAMMAR}")
    for part in split_list(rest[:-1]):
        key, equals, value = (word.strip() for word in part.partition("="))
        if not equals or not key or not value:
            raise InputError(f"{part!r} in {text!r} is malformed; {GRAMMAR}")
        if key in params:
            raise InputError(f"parameter {key!r} is given twice in {text!r}")
        params[key] = value
    return name.strip(), params


def arguments(
    prototype: Any, given: Mapping[str, str], spec: str, resolve: Callable[[str, str], object]
) -> dict[str, Any]:
    """Typed values of the given parameters, by the annotations of the prototype's dataclass fields.

    resolve(kind, text) -> plugin, for fields that hold another plugin. Raises InputError for an unknown parameter and
    for a value of another type.
    """
    known = {f.name: f for f in fields(prototype)} if is_dataclass(prototype) else {}
    hints = typing.get_type_hints(type(prototype)) if given else {}
    values = {}
    for key, text in given.items():
        if key not in known:
            if not known:
                raise InputError(f"{prototype.name!r} takes no parameters; given {spec!r}")
            raise unknown(f"parameter of {prototype.name!r}", key, known)
        kind = known[key].metadata.get("kind")
        values[key] = resolve(kind, text) if kind else convert(text, hints[key], f"{prototype.name}[{key}=...]")
    return values


def convert(text: str, hint: Any, where: str) -> Any:
    """`text` as a value of the annotated type: bool, int, float, str, Literal, a union of them, or a tuple such as
    `tuple[int, ...]`, whose parts stand between plus signs. Raises InputError that names `where`.

    >>> convert("4+8+16", tuple[int, ...], "ranks")
    (4, 8, 16)
    >>> convert("none", int | None, "epochs") is None
    True
    """
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        try:
            return tuple(convert(word.strip(), options[0], where) for word in text.split("+"))
        except InputError:
            raise InputError(f"{where} is {text!r}; allowed: {_names([hint])}") from None
    if origin is typing.Literal:
        for option in options:
            if text == str(option):
                return option
        raise InputError(f"{where} is {text!r}; allowed: {', '.join(map(str, options))}")
    if origin in (typing.Union, types.UnionType):
        for option in options:
            try:
                return convert(text, option, where)
            except InputError:
                continue
        raise InputError(f"{where} is {text!r}; allowed: {_names(options)}")
    if hint is type(None) and text.lower() == "none":
        return None
    if hint is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if hint is str:
        return text
    if hint in (int, float):
        try:
            value = hint(text)
            if math.isfinite(value):
                return value
        except (ValueError, OverflowError):
            pass
    raise InputError(f"{where} is {text!r}; allowed: {_names([hint])}")


def allowed(hint: Any) -> str:
    """The values that `convert` accepts for an annotated type, in words.

    >>> allowed(int | None)
    'a whole number, none'
    """
    if typing.get_origin(hint) is typing.Literal:
        return ", ".join(map(str, typing.get_args(hint)))
    return _names(typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else [hint])


def _names(hints: Iterable[Any]) -> str:
    words: dict[Any, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        type(None): "none",
        tuple[int, ...]: "whole numbers with plus signs between them, such as 4+8+16",
        tuple[float, ...]: "numbers with plus signs between them, such as 0.001+0.01+0.1",
    }
    return " or ".join(words.get(hint) or ", ".join(map(str, typing.get_args(hint) or [hint])) for hint in hints)


#: Powers of 1024, as the memory of machines is counted.
UNITS = {"KB": 2**10, "MB": 2**20, "GB": 2**30, "TB": 2**40}


def memory(text: str, name: str = "--memory") -> int:
    """Bytes in a size such as `512MB` or `1.5GB`. Raises InputError, which names the option, below 1MB.

    >>> memory("512MB")
    536870912
    """
    number, unit = str(text).strip()[:-2], str(text).strip()[-2:].upper()
    try:
        size = float(number) * UNITS[unit]
    except (KeyError, ValueError):
        size = math.nan
    if not (math.isfinite(size) and size >= UNITS["MB"]):
        raise InputError(f"{name} is {text!r}; allowed: 1MB or more, such as 512MB or 2GB")
    return int(size)


def seeds(text: str) -> tuple[int, ...]:
    """Seeds: `6` is a count (seeds 0 to 5); `0,3` is a list, and so is `3,` for one seed.

    >>> seeds("3"), seeds("0,3"), seeds("3,")
    ((0, 1, 2), (0, 3), (3,))
    """
    words = text.split(",")
    try:
        numbers = [int(word) for word in words if word.strip()]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 0 or (len(words) == 1 and numbers[0] == 0):
        raise InputError(f"--seeds is {text!r}; allowed: a count such as 6, or a list such as 0,3")
    most = MOST_SEEDS if len(words) == 1 else LARGEST_SEED
    if max(numbers) > most:
        raise InputError(
            f"--seeds is {text!r}; allowed: a count up to {MOST_SEEDS}, or a list of seeds up to {LARGEST_SEED}"
        )
    chosen = tuple(range(numbers[0])) if len(words) == 1 else tuple(numbers)
    if len(set(chosen)) < len(chosen):
        raise InputError(f"--seeds is {text!r}; a seed stands there twice")
    return chosen
