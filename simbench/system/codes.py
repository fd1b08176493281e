"""Code and constants as plain data, without addresses, paths, comments and hash seeds, so that they can be hashed."""

from __future__ import annotations

import enum
import functools
import inspect
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path

from simbench.system.listings import text
from simbench.system.parts import array, attributes_of, full, names_of, qualified
from simbench.system.provenance import canonical

#: Methods that initialise or print an object; their effect is described by its attributes.
SETUP = {"__init__", "__new__", "__post_init__", "__repr__", "__str__", "extra_repr"}
PLAIN = (type(None), bool, int, float, complex, str, bytes, range, type(Ellipsis))
#: Packages that are identified by their versions, and whose code is not described.
HOST = {"torch", "torchvision", "numpy", "simbench"}


@functools.lru_cache(maxsize=1024)
def local(top: str) -> bool:
    """True for a top-level package or module that is not installed, such as a script under development."""
    if top in HOST or top in sys.stdlib_module_names - {"__main__"}:
        return False
    module = sys.modules.get(top)
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
    return not any({"site-packages", "dist-packages"} & set(Path(place).parts) for place in places if place)


class Description:
    """value -> plain data that is equal in all processes where the value behaves the same.

    Constants are described by their value, and arrays by a hash of their values. Functions, lambdas and classes of the
    top-level packages `packages`, or of code that is not installed, are described by their source text (by their
    bytecode where there is no text), defaults, closures and the globals that they use; all others by their name. Other
    objects are described by their class and attributes.
    special(value): plain data for values that the caller describes itself, or None. lazy: also describe names that a
    function looks up in modules that it imports itself.
    """

    def __init__(
        self,
        packages: frozenset[str],
        special: Callable[[object], list | None] = lambda value: None,
        lazy: bool = False,
    ) -> None:
        self.packages, self.special, self.lazy = packages, special, lazy
        self._seen: dict[int, int] = {}
        self._alive: list[object] = []  # keeps objects alive, so that no id is used twice
        self._path: list[int] = []
        self._later: list[object] = []

    def rest(self) -> list:
        """Descriptions of the functions and classes that `of` has referred to, and of those that they use in turn.

        A loop rather than a recursion, because chains of calls can be deeper than the stack."""
        described = []
        while self._later:
            value = self._later.pop(0)
            described.append(self._function(value) if isinstance(value, types.FunctionType) else self._class(value))
        return described

    def of(self, value: object, deep: bool = True) -> list:
        """Plain data for a value. deep: describe attributes of objects of other packages as well."""
        if isinstance(value, enum.Enum):
            return ["enum", qualified(type(value)), value.name]
        for plain in PLAIN:
            if isinstance(value, plain):
                return [qualified(type(value)), plain.__repr__(value)]
        if isinstance(value, types.ModuleType):
            return ["module", value.__name__]
        known = self.special(value)
        if known is not None:
            return known
        if isinstance(value, (tuple, list, set, frozenset, Mapping)):
            if id(value) in self._path:
                return ["within", len(self._path) - self._path.index(id(value))]
            self._path.append(id(value))
            parts = self._contained(value, deep)
            self._path.pop()
            return parts
        if isinstance(value, types.CodeType):
            return ["code", text(value) or self._bytecode(value)]
        if hasattr(value, "__array__") and hasattr(value, "dtype") and not isinstance(value, type):
            return array(value)
        if id(value) in self._seen:
            return ["see", self._seen[id(value)]]
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)
        if isinstance(value, (types.FunctionType, type)):
            self._later.append(value)
            return ["see", self._seen[id(value)]]
        return self._object(value, deep)

    def _contained(self, value, deep: bool) -> list:
        if isinstance(value, (tuple, list)):
            return [qualified(type(value)), [self.of(item, deep) for item in value]]
        if isinstance(value, Mapping):
            return ["mapping", [[self.of(key, deep), self.of(item, deep)] for key, item in value.items()]]
        alone = [(Description(self.packages, self.special, self.lazy), item) for item in value]
        return ["set", sorted(([one.of(item, deep), one.rest()] for one, item in alone), key=canonical)]

    def _object(self, value: object, deep: bool) -> list:
        if isinstance(value, (functools.partial, functools.partialmethod)):
            return ["partial", self.of(value.func), self.of(value.args), self.of(value.keywords)]
        if isinstance(value, types.MethodType):
            return ["method", self.of(value.__func__), qualified(type(value.__self__))]
        if isinstance(value, (staticmethod, classmethod)):
            return [type(value).__name__, self.of(value.__func__)]
        if isinstance(value, property):
            return ["property", self.of(value.fget)]
        if isinstance(value, functools.cached_property):
            return ["property", self.of(value.func)]
        if isinstance(value, slice):
            return ["slice", self.of((value.start, value.stop, value.step))]
        if isinstance(getattr(value, "__wrapped__", None), types.FunctionType):
            return ["wrapped", self.of(value.__wrapped__)]
        if inspect.isroutine(value):
            bound = getattr(value, "__self__", None)
            return ["builtin", qualified(value), *([self.of(bound)] if isinstance(bound, type) else [])]
        inside = self.within(type(value)) or (deep and type(value).__module__ not in sys.stdlib_module_names)
        attributes = attributes_of(value) if inside or isinstance(value, types.SimpleNamespace) else {}
        return ["object", qualified(type(value)), [[name, self.of(item)] for name, item in sorted(attributes.items())]]

    def _function(self, function: types.FunctionType) -> list:
        if not self.within(function):
            return ["function", qualified(function)]
        code = function.__code__
        cells = [cell.cell_contents for cell in function.__closure__ or () if full(cell)]
        return [
            "function",
            self.of(code),
            self.of(function.__defaults__),
            self.of(function.__kwdefaults__),
            [self.of(cell) for cell in cells],
            [[name, self.of(value, deep=False)] for name, value in self._named(function)],
        ]

    def _named(self, function: types.FunctionType) -> list[tuple[str, object]]:
        """The globals that a function uses, from its own module and from modules that it uses."""
        names = names_of(function.__code__)
        scope = function.__globals__
        globals_ = {name: scope[name] for name in names if name in scope}
        modules = list(globals_.values())
        if self.lazy:
            package = scope.get("__package__") or ""
            modules += [sys.modules.get(each) for name in sorted(names) for each in (name, f"{package}.{name}")]
        for module in modules:
            if isinstance(module, types.ModuleType) and self._reaches(module.__name__):
                globals_.update(
                    (f"{module.__name__}.{name}", vars(module)[name]) for name in names & vars(module).keys()
                )
        return sorted(globals_.items())

    def _class(self, cls: type) -> list:
        return ["class", *([cls.__qualname__, self.members(cls)] if self.within(cls) else [qualified(cls)])]

    def members(self, cls: type) -> list:
        """Bases, methods and constants of a class."""
        members = {
            name: value
            for name, value in vars(cls).items()
            if (
                name not in SETUP
                and (not name.startswith("__") or inspect.isroutine(value))
                and not inspect.isdatadescriptor(value)
            )
            or isinstance(value, property)
        }
        generated = {
            name
            for name, value in members.items()
            if isinstance(value, types.FunctionType) and value.__code__.co_filename.startswith("<string>")
        }  # generated by dataclass from fields that are described
        return [
            [self.of(base) for base in cls.__bases__],
            [[name, self.of(value, deep=False)] for name, value in sorted(members.items()) if name not in generated],
        ]

    def _bytecode(self, code: types.CodeType) -> list:
        return [
            code.co_code.hex(),
            [self.of(constant) for constant in code.co_consts],
            list(code.co_names),
            list(code.co_varnames),
            code.co_argcount,
        ]

    def within(self, thing: object) -> bool:
        """True for a class or function whose code is described."""
        return self._reaches(getattr(thing, "__module__", None) or "")

    def _reaches(self, module: str) -> bool:
        top = module.partition(".")[0]
        return top in self.packages or local(top)
