"""Reading: inputs and labels as two numpy arrays, from whatever a user has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from simbench.contracts.tokens import masked
from simbench.errors import InputError

if TYPE_CHECKING:
    import numpy

#: Keys of batches that are mappings, by what they hold; the first that is there is taken.
INPUTS = ("pixel_values", "input_ids", "inputs", "images", "image", "x")
LABELS = ("labels", "label", "targets", "target", "y")
MASK = "attention_mask"
WANTED = (
    "give (inputs, labels), a dict of tensors with labels (input_ids, attention_mask, labels), or a DataLoader or "
    "Dataset of such items"
)


#: Inputs (n, ...), and labels (n, ...) or None.
Read = tuple["numpy.ndarray", "numpy.ndarray | None"]


def arrays(given: Any, what: str) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Inputs (n, ...) and labels (n, ...) of arrays or tensors, of a mapping of them, or of an iterable of batches or
    of single items, which is read once, to its end. Token ids have -1 where an attention mask is 0.

    what: the name of the data in messages. Raises InputError for anything else, and for data without labels."""
    x, y = inputs_and_labels(given, what)
    if y is None and isinstance(given, Mapping):
        raise _keys(given, what)
    if y is None:
        raise InputError(f"{what} is a {type(given).__name__} without labels; {WANTED}")
    return x, y


def inputs_and_labels(given: Any, what: str) -> Read:
    """The same of data that may have no labels. Raises InputError where a part of the items has some."""
    if isinstance(given, Mapping):
        return _mapping(given, what)
    if isinstance(given, (tuple, list)) and len(given) == 2 and _is_array(given[1]) and _holds_inputs(given[0]):
        return _pair(given, what)
    if _is_array(given):
        return _array(given, what), None
    if isinstance(given, (str, bytes)):
        raise InputError(f"{what} is a {type(given).__name__}; {WANTED}")
    return _read(given, what)


def _read(given: Any, what: str) -> Read:
    """The items of an iterable, or of a torch Dataset, one after the other."""
    import numpy as np

    indexed = hasattr(given, "__getitem__") and hasattr(given, "__len__")
    one_by_one = indexed and not isinstance(given, (list, tuple))  # a list may hold batches
    if indexed:
        items = (given[i] for i in range(len(given)))  # a Dataset need not end when it is iterated
    elif isinstance(given, Iterable):
        items = iter(given)
    else:
        raise InputError(f"{what} is a {type(given).__name__}; {WANTED}")
    xs, ys = [], []
    for item in items:
        x, y = _pair(item, what)
        single = one_by_one or (y is not None and y.ndim == 0)
        xs.append(x[None] if single else x)
        ys += [] if y is None else [y[None] if single else y]
    if not xs:
        raise InputError(f"{what} is empty; {WANTED}")
    if all(x.ndim == 2 and x.dtype.kind in "iu" for x in xs):
        xs = _padded(xs)
    shapes = {x.shape[1:] for x in xs}
    if len(shapes) > 1:
        raise InputError(
            f"{what} has inputs of shapes {', '.join(map(str, sorted(shapes)[:3]))}; one shape is wanted: resize "
            "images to one size"
        )
    if ys and len(ys) < len(xs):
        raise InputError(f"{what} has {len(xs)} items, and {len(ys)} of them have labels; give labels with all or none")
    return np.concatenate(xs), np.concatenate(ys) if ys else None


def _pair(item: Any, what: str) -> Read:
    if isinstance(item, Mapping):
        return _mapping(item, what)
    if isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], Mapping):
        x, y = _mapping(item[0], what)
        if y is not None:
            raise InputError(f"{what} has labels among its inputs and beside them; give them once")
        return x, _array(item[1], what)
    if isinstance(item, (tuple, list)) and len(item) == 2:
        return _array(item[0], what), _array(item[1], what)
    if _is_array(item) or (isinstance(item, (tuple, list)) and len(item) == 1):
        return _array(item if _is_array(item) else item[0], what), None
    raise InputError(f"{what} has items that are {type(item).__name__}; {WANTED}")


def _mapping(given: Mapping, what: str) -> Read:
    x, y = (next((key for key in keys if key in given), None) for keys in (INPUTS, LABELS))
    if x is None:
        raise _keys(given, what)
    inputs = _array(given[x], what)
    if x == "input_ids" or MASK in given:
        inputs = masked(inputs, None if given.get(MASK) is None else _array(given[MASK], what))
    return inputs, None if y is None else _array(given[y], what)


def _keys(given: Mapping, what: str) -> InputError:
    wanted = f"one of {', '.join(INPUTS)} and one of {', '.join(LABELS)} are wanted"
    return InputError(f"{what} has the keys {', '.join(map(repr, given))}; {wanted}")


def _padded(parts: list[numpy.ndarray]) -> list[numpy.ndarray]:
    """Batches of ids of one length, with -1 behind shorter ones."""
    import numpy as np

    longest = max(part.shape[1] for part in parts)
    return [np.pad(part.astype(np.int64), ((0, 0), (0, longest - part.shape[1])), constant_values=-1) for part in parts]


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array__") or hasattr(value, "detach")


def _holds_inputs(value: Any) -> bool:
    return _is_array(value) or isinstance(value, Mapping)


def _array(value: Any, what: str) -> numpy.ndarray:
    """A numpy array of a tensor, array, number or list. Raises InputError where there is none."""
    import numpy as np

    value = value.detach().cpu() if hasattr(value, "detach") else value
    if getattr(value, "dtype", None) is not None and str(value.dtype) == "torch.bfloat16":
        value = value.float()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} has a {type(value).__name__} that is no array ({error}); {WANTED}") from None
    if array.dtype.kind not in "iufb":
        raise InputError(f"{what} has {type(value).__name__} of type {array.dtype}; numbers are wanted; {WANTED}")
    return array
