"""Networks in memory: a torch.nn.Module as a model that holds the one network of its architecture."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from simbench.contracts import Model
from simbench.contracts.selection import Network
from simbench.cutting.cutter import Cutter
from simbench.cutting.defaults import default_layers
from simbench.cutting.surveys import surveyed
from simbench.errors import Inapplicable, InputError
from simbench.networks.checkpoints import content_hash
from simbench.networks.graphs import graph
from simbench.networks.stages import in_a_row, stages
from simbench.runs.declaring import Said, fitting
from simbench.system.codes import HOST, Description
from simbench.system.provenance import digest
from simbench.tracing.calling import plain, unusual


class Live(Model):
    """A network that is given as an object. `build` copies it with its weights, whatever the channels and classes.

    name: in results. net: not changed; copied when it is built. preprocess: batch of inputs -> what the network takes.
    A network of another type, such as half, runs in float32.
    A network of transformers is called with ids as `simbench.tracing.calling` says. One whose output is not of shape
    (n, outputs) gives features: its layers are compared by indices, and stitched as far as the residual of a direct
    match.
    layers: those that can be read (`simbench.cutting.Layer.unfit`) below its output. skipped: layer -> why not.
    said: what the user says of the layouts of its layers. modules: all that there are.
    """

    source = "given as an object"

    def __init__(
        self,
        name: str,
        net: nn.Module,
        inputs: Tensor,
        preprocess: Callable[[Tensor], Tensor] | None = None,
        said: Said = (),
    ) -> None:
        """inputs: some of the data, from which the layers are found. said: layouts of layers. Raises InputError for
        what is no network, or does not take them."""
        if not isinstance(net, nn.Module):
            raise InputError(f"{name} is a {type(net).__name__}; give a torch.nn.Module")
        self.name, self._net, self._preprocess = name, _seen_through(net), preprocess
        self._fresh, self._called = False, unusual(self._net)
        with torch.no_grad():
            own = self.build(0, 0)
            try:
                given = self.adapted(inputs)
                output = own(given)
                if unusual(own, output) and not self._called:
                    self._called = True
                    own = self.build(0, 0)
                    output = own(given)
            except Exception as error:
                what = f"{type(error).__name__}: {' '.join(str(error).split())}"
                raise InputError(
                    f"{name} cannot run on inputs of shape {tuple(inputs.shape)} ({what}); give data that it takes, or "
                    "preprocess_a= and preprocess_b=, functions of a batch"
                ) from error
        plainly = isinstance(output, Tensor) and output.ndim == 2 and output.is_floating_point()
        self.outputs = output.shape[1] if plainly else 0
        self.features = not plainly
        found = surveyed(Cutter(own, given), "hook")  # looks at the layers; where the network is cut it is traced
        self.modules = tuple(layer.name for layer in found)
        self.said = fitting(said, {layer.name: layer.shape if layer.engine else None for layer in found}, name)
        unfit = {layer.name: layer.unfit for layer in found if layer.unfit and layer.name not in dict(self.said)}
        self.skipped = unfit
        self._layers = _below_the_output(own, [name for name in self.modules if name not in unfit])
        self._default_layers = tuple(layer for layer in default_layers(found) if layer in self._layers)

    @property
    def identity(self) -> dict[str, Any]:
        prepared = "" if self._preprocess is None else digest(_described(self._preprocess))
        return {**super().identity, "preprocess": prepared}

    @property
    def layers(self) -> tuple[str, ...]:
        return self._layers

    @property
    def default_layers(self) -> tuple[str, ...]:
        """As in `simbench.cutting.default_layers`: the stages, and the blocks in them."""
        return self._default_layers or self._layers

    @property
    def untrained(self) -> Live:
        twin = copy.copy(self)
        twin._fresh = True
        return twin

    def build(self, channels: int, classes: int) -> nn.Module:
        net = copy.deepcopy(self._net).eval().float()
        if self._called:
            net = plain(net)
        if self._fresh:
            _initialise(net, self.name)
        return net

    def adapted(self, inputs: Tensor) -> Tensor:
        given = inputs if self._preprocess is None else self._preprocess(inputs)
        return given.float() if isinstance(given, Tensor) and given.is_floating_point() else given

    def network(self) -> Network:
        """The network, named by the hash of its weights. Code of installed packages counts as far as its modules hold
        it: all that transformers calls takes minutes to describe."""
        weights = content_hash(self._net.state_dict())
        return Network(
            self, weights[:8], weights, Path(), graph=graph(self.build(0, 0), frozenset()), layouts=self.said
        )


def _seen_through(net: nn.Module) -> nn.Module:
    """The network inside DataParallel or torch.compile, so that its layers have their own names."""
    while isinstance(net, (nn.DataParallel, nn.parallel.DistributedDataParallel)) or hasattr(net, "_orig_mod"):
        net = net._orig_mod if hasattr(net, "_orig_mod") else net.module
    return net


def _below_the_output(net: nn.Module, layers: list[str]) -> tuple[str, ...]:
    """The layers with something above them: of a row of stages all but the last, of other networks all."""
    if not in_a_row(net):
        return tuple(layers)
    last = list(net._modules)[-1]
    return tuple(name for name in stages(net) if name in layers and name.partition(".")[0] != last)


def _initialise(net: nn.Module, name: str) -> None:
    """Initial weights, by the `reset_parameters` of each module. Parameters of a module without it (class tokens,
    positions) keep their values in a random order, and its buffers of whole numbers stay as they are.

    Raises Inapplicable where nothing else is known of such a module: a parameter of one value, or statistics."""
    for path, module in net.named_modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
            continue
        kept = set(module._buffers) - module._non_persistent_buffers_set
        learnt = [x for key, x in module._buffers.items() if key in kept and x is not None and x.is_floating_point()]
        learnt += [x for x in module._parameters.values() if x is not None and x.numel() < 2]
        if learnt:
            raise Inapplicable(
                f"{name} has no initial weights: {path or 'the network'} ({type(module).__name__}) has no "
                "reset_parameters"
            )
        with torch.no_grad():
            for x in filter(lambda x: x is not None, module._parameters.values()):
                x.copy_(x.flatten()[torch.randperm(x.numel(), device=x.device)].view_as(x))


def _described(function: Callable) -> list:
    """The code of a function, and the tensors of a module."""
    package = (getattr(function, "__module__", None) or type(function).__module__).partition(".")[0]
    code = Description(frozenset({package}) - HOST, lazy=True)
    if isinstance(function, nn.Module):
        return [graph(function, frozenset({package}) - HOST), content_hash(function.state_dict())]
    return [code.of(function), code.rest()]
