"""Parts of an object that describe it: name, attributes, closure cells, names that code uses, values of an array."""

from __future__ import annotations

import hashlib
import types


def qualified(thing: object) -> str:
    """module.name of a class or function."""
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", type(thing).__qualname__)
    return f"{getattr(thing, '__module__', None) or ''}.{name}"


def attributes_of(value: object) -> dict[str, object]:
    """Instance attributes by name, including those in slots."""
    slots = [name for cls in type(value).__mro__ for name in _slots(cls)]
    attributes = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return attributes | dict(getattr(value, "__dict__", {}))


def _slots(cls: type) -> tuple[str, ...]:
    slots = vars(cls).get("__slots__", ())
    return tuple(name for name in ((slots,) if isinstance(slots, str) else slots) if not name.startswith("__"))


def array(value) -> list:
    """Type, shape and hash of an array's values."""
    import numpy as np

    values = np.ascontiguousarray(value)
    return [
        "array",
        str(values.dtype.newbyteorder("=")),
        list(np.shape(value)),
        hashlib.sha256(values.astype(values.dtype.newbyteorder("<")).tobytes()).hexdigest(),
    ]


def full(cell: types.CellType) -> bool:
    """True for a closure cell that has a value."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def names_of(code: types.CodeType) -> set[str]:
    """Names that a function, and the functions defined in it, look up."""
    inner = [names_of(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)]
    return set(code.co_names).union(*inner)
