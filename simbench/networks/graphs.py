"""The graph of a network: a hash of its modules and of their code, which together with the weights determine its
outputs."""

from __future__ import annotations

import inspect
import warnings
from types import FunctionType

import torch
from torch import Tensor, fx, nn

from simbench.system.codes import SETUP, Description
from simbench.system.parts import attributes_of, qualified
from simbench.system.provenance import digest

#: Attributes that every module has, or that change when it is used.
CARRIED = frozenset(vars(nn.Module())) | {"training"}
#: Dictionaries of functions that run before or after a module.
HOOKS = ("_forward_pre_hooks", "_forward_hooks")


def graph(net: nn.Module, packages: frozenset[str]) -> str:
    """sha256 of a network's modules (names, classes, order, configuration, shapes and dtypes of parameters and buffers,
    constants) and of the code of those that are not modules of torch.

    Each module is traced by itself in training and in eval mode; where tracing fails, the source text of its class is
    hashed. packages: top-level packages whose code is hashed, in addition to code that is not installed. Tracing runs
    the code of the network without data. Addresses, paths, versions and the values in the state dict are left out.
    """
    known = Description(packages, _special, lazy=True)
    modules = list(net.named_modules(remove_duplicate=False))
    first: dict[int, str] = {}
    tree = [
        [name, first.setdefault(id(module), name), qualified(type(module)), _configuration(module, known)]
        for name, module in modules
    ]
    with warnings.catch_warnings(action="ignore"):
        code = [[name, _code(module, known)] for name, module in net.named_modules() if not _plain(module)]
    return digest([tree, code, known.rest()])


def _configuration(module: nn.Module, known: Description) -> list:
    """Attributes and tensors of a module, without those of its children."""
    attributes = {
        name: value
        for name, value in attributes_of(module).items()
        if name not in CARRIED and _counts(type(module), name)
    }
    tensors = [
        [name, None if value is None else [list(value.shape), str(value.dtype)]]
        for name, value in [*module._parameters.items(), *module._buffers.items()]
    ]
    fixed = [
        [name, _special(module._buffers[name])]
        for name in sorted(module._non_persistent_buffers_set)
        if module._buffers[name] is not None
    ]
    hooks = [[known.of(function) for function in getattr(module, name).values()] for name in HOOKS]
    return [[[name, known.of(value)] for name, value in sorted(attributes.items())], tensors, fixed, hooks]


def _counts(cls: type, name: str) -> bool:
    """True for attributes that enter the hash. For classes of torch these are the arguments of the constructor: other
    attributes differ between versions of torch."""
    if not cls.__module__.startswith("torch."):
        return True
    taken = inspect.signature(cls.__init__).parameters
    open_ = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    return not name.startswith("_") and (open_ or name in taken)


def _plain(module: nn.Module) -> bool:
    """True for modules of torch, whose class name identifies their code."""
    return type(module).__module__.startswith("torch.")


def _code(module: nn.Module, known: Description) -> list:
    """How a module computes: traced in both modes, or the text of its class."""
    if isinstance(module, torch.jit.ScriptModule):
        return ["script", str(module.code)]
    training = module.training
    try:
        traced = [_traced(module.train(mode), known) for mode in (False, True)]
    except Exception:  # a custom forward may fail in any way on a proxy
        traced = [
            known.members(cls) if known.within(cls) else _text(cls, known)
            for cls in type(module).__mro__
            if not cls.__module__.startswith("torch.") and cls is not object
        ]
    finally:
        module.train(training)
    called = vars(type(module)).get("__call__")
    return [traced, known.of(called) if called else None]


def _text(cls: type, known: Description) -> list:
    """The methods of an installed class, without the functions that they call."""
    return [
        qualified(cls),
        [
            [name, known.of(value.__code__)]
            for name, value in sorted(vars(cls).items())
            if isinstance(value, FunctionType) and name not in SETUP
        ],
    ]


class _OneModule(fx.Tracer):
    """Traces one module and records the calls of its children without entering them."""

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return True


def _traced(module: nn.Module, known: Description) -> list:
    traced = _OneModule().trace(module)
    place = {node: number for number, node in enumerate(traced.nodes)}

    def plain(value) -> list:
        if isinstance(value, fx.Node):
            return ["node", place[value]]
        if isinstance(value, (tuple, list)):
            return [type(value).__name__, [plain(item) for item in value]]
        if isinstance(value, dict):
            return ["mapping", [[plain(key), plain(item)] for key, item in value.items()]]
        if isinstance(value, slice):
            return ["slice", plain((value.start, value.stop, value.step))]
        return known.of(value)

    return [[node.op, _target(module, node, known), plain(node.args), plain(node.kwargs)] for node in traced.nodes]


def _target(module: nn.Module, node: fx.Node, known: Description) -> list:
    if not isinstance(node.target, str):
        return known.of(node.target)
    if node.op == "get_attr" and node.target.startswith("_tensor_constant"):
        return ["constant", _special(getattr(module, node.target))]
    return ["name", node.target]


def _special(value: object) -> list | None:
    """Values of torch as plain data without addresses and devices; None for all other values."""
    if isinstance(value, Tensor):
        plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        bits = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if not value.is_meta else b""
        return ["tensor", list(value.shape), str(value.dtype), digest(bits)]
    if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
        return ["torch", str(value)]
    if isinstance(value, (torch.device, torch.Generator)):
        return ["torch", type(value).__name__]
    if isinstance(value, torch.Size):
        return ["size", list(value)]
    if isinstance(value, nn.Module):
        return ["module", qualified(type(value)), *_unregistered(value)]
    return None


def _unregistered(module: nn.Module) -> list:
    """A module that is not registered as a child, such as an item of a plain list."""
    return [
        [
            name,
            qualified(type(inner)),
            inner.extra_repr(),
            [[key, list(value.shape)] for key, value in inner._parameters.items() if value is not None],
        ]
        for name, inner in module.named_modules()
    ]
