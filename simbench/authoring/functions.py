"""An index from a plain function of two sets of rows."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import Field, field, fields, make_dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from simbench.contracts import Claims, Index, KnownAnswer, invariant
from simbench.errors import InputError

if TYPE_CHECKING:
    import torch

#: Types of the values that a parameter may have by default.
PLAIN = (bool, int, float, str)


class FunctionIndex(Index):
    """An index whose value is one function of rows a (n, p) and b (n, q)."""

    function: ClassVar[Callable[..., Any]]
    stated: ClassVar[Claims]
    answers: ClassVar[tuple[KnownAnswer, ...]] = ()

    @property
    def claims(self) -> Claims:
        return self.stated

    def from_samples(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        import torch

        value = self(a, b)
        return value if isinstance(value, torch.Tensor) else torch.tensor(value, dtype=torch.float64)

    def known_answers(self) -> list[KnownAnswer]:
        return list(self.answers) if self == type(self)() else []

    def __call__(self, a: torch.Tensor, b: torch.Tensor) -> Any:
        """The function itself, with the parameters of this object."""
        return type(self).function(a, b, **{f.name: getattr(self, f.name) for f in fields(self)})

    def __reduce__(self) -> tuple[Callable[..., Index], tuple[Any, ...]]:
        function = type(self).function
        return _again, (function.__module__, function.__qualname__, self.params)


def index(
    *,
    source: str,
    name: str | None = None,
    direction: int = 1,
    symmetric: bool = False,
    range: tuple[float, float] = (0.0, 1.0),
    invariances: Iterable[str] = (),
    invariances_a: Iterable[str] | None = None,
    invariances_b: Iterable[str] | None = None,
    differentiable: bool = False,
    known_answers: Iterable[KnownAnswer] = (),
    max_rows: int | None = 2000,
    slow: str = "",
    version: int = 1,
) -> Callable[[Callable[..., Any]], FunctionIndex]:
    """A decorator that makes an index of a function f(a, b) of float64 rows a (n, p) and b (n, q).

    The function returns a 0-dim tensor or a number. Its name is that of the index, its docstring the description, and
    its keyword-only arguments are the parameters, each with a default: `def f(a, b, *, k: int = 5)` is used as
    `f[k=3]`. `simbench.number(5, least=1)` as a default declares bounds.

    source: citation with equation number. invariances: of both sides, invariances_a and invariances_b: of one side
    where they differ. known_answers: of the default parameters. The other arguments are those of `simbench.Claims` and
    the attributes of `simbench.Index`.

    The object is registered by an entry point that names it: `f = "my_module:f"` in group `simbench`.

    Raises InputError for a signature of another form.

    >>> import simbench
    >>> @simbench.index(source="an example", range=(0.0, float("inf")), direction=-1)
    ... def mean_gap(a, b, *, power: float = 1.0):
    ...     return abs(a.mean() - b.mean()) ** power
    >>> mean_gap.spec, simbench.similarity(mean_gap, [[0.0], [1], [2], [3]], [[1.0], [2], [3], [4]])
    ('mean_gap', 1.0)
    """
    common = tuple(invariances)
    a, b = (invariant(*(common if own is None else own)) for own in (invariances_a, invariances_b))
    stated = Claims(direction, symmetric, range, a, b, differentiable)

    def decorate(function: Callable[..., Any]) -> FunctionIndex:
        body = {
            "__doc__": function.__doc__,
            "__module__": function.__module__,
            "name": name or function.__name__,
            "source": source,
            "version": version,
            "max_rows": max_rows,
            "slow": slow,
            "function": staticmethod(function),
            "stated": stated,
            "answers": tuple(known_answers),
        }
        made = make_dataclass(
            function.__name__, _parameters(function), bases=(FunctionIndex,), namespace=body, frozen=True, eq=False
        )
        return made()

    return decorate


def _parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    """(name, type, field) of the keyword-only arguments. InputError for a signature other than (a, b, *, ...)."""
    given = list(inspect.signature(function, eval_str=True).parameters.values())
    sides, options = given[:2], given[2:]
    if len(sides) < 2 or any(each.kind is not each.POSITIONAL_OR_KEYWORD for each in sides):
        raise InputError(f"{function.__name__} does not begin with two positional arguments; f(a, b, *, ...) is wanted")
    fields = []
    for each in options:
        if each.kind is not each.KEYWORD_ONLY or not isinstance(each.default, (*PLAIN, Field)):
            raise InputError(
                f"parameter {each.name!r} of {function.__name__} is no keyword-only argument with a number, text, true "
                f"or false as default; `def {function.__name__}(a, b, *, {each.name}: int = 5)` is the form"
            )
        value = each.default if isinstance(each.default, Field) else field(default=each.default)
        kind = type(value.default) if each.annotation is each.empty else each.annotation
        fields.append((each.name, kind, value))
    return fields


def _again(module: str, name: str, params: dict[str, Any]) -> Index:
    """The index that a module holds under a name, with these parameters."""
    held: Index = getattr(importlib.import_module(module), name)
    return replace(held, **params) if params else held  # type: ignore[type-var]
