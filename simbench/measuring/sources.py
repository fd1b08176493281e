"""What representations come from: the inputs and labels of one setting, and its networks, whole and cut."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cached_property

import torch
from torch import Tensor, nn

from simbench.contracts import splits
from simbench.contracts.objective import Objective
from simbench.contracts.selection import Network, Setting
from simbench.contracts.tokens import MASKED
from simbench.cutting import cut
from simbench.cutting.cutter import Cutter
from simbench.cutting.parts import HookedFront
from simbench.errors import Inapplicable, InputError
from simbench.measuring.aligned import Aligned, Rereading, followed, preceded
from simbench.moments.layout import Layout
from simbench.networks import inputs, weights
from simbench.networks.fold import fold
from simbench.networks.stages import in_a_row
from simbench.networks.stages import stages as stages_of
from simbench.system import stopwatch
from simbench.system.surroundings import abroad
from simbench.tracing.named import layouts_of

#: The layer that stands for the whole network.
WHOLE = ""
#: Inputs that a network is traced with, and its cut is verified with.
FEW = 4


class Sources:
    """Inputs, labels and networks of one setting, each read once. batch: inputs of a forward pass."""

    def __init__(self, setting: Setting, device: str = "cpu", batch: int = inputs.BATCH) -> None:
        self.setting, self.device, self.batch = setting, torch.device(device), batch
        self.objective = Objective.of(setting.dataset)
        self._kept: dict[str, Tensor | None] = {}
        self._nets: dict[str, nn.Sequential] = {}
        self._whole: dict[str, nn.Sequential] = {}
        self._layouts: dict[str, dict[str, Layout]] = {}
        self._cutters: dict[str, Cutter] = {}
        self._cuts: dict[tuple[str, str], tuple[nn.Sequential, nn.Sequential]] = {}
        self._engines: dict[tuple[str, str], str] = {}
        if self.device.type == "cuda":  # TF32 keeps 10 bits, and records of all devices are one
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False

    @cached_property
    def _splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        setting = self.setting
        with stopwatch.stage("reading data"):
            with abroad():
                parts = {name: splits.read(setting.dataset, name) for name in splits.SPLITS}
            return {
                name: inputs.draw(split, setting.limit, setting.seed, setting.dataset.range, setting.dataset.raw)
                for name, split in parts.items()
            }

    def labels(self, split: str) -> Tensor:
        """(n,) or (n, attributes) int64 on the device."""
        return self._splits[split][1].to(self.device)

    def count(self, split: str) -> int:
        """Number of inputs."""
        return len(self._splits[split][0])

    def kept(self, split: str, layer: str = "") -> Tensor | None:
        """(n, t) booleans: which tokens of the inputs are no padding; None where all are, and of other inputs. layer:
        one whose first tokens may be left out (`Aligned.dropped`), which are then left out here, too."""
        if split not in self._kept:
            kept = self.inputs(split).to(self.device) != MASKED if self.setting.dataset.tokens else None
            self._kept[split] = None if kept is None or bool(kept.all()) else kept
        kept = self._kept[split]
        return kept[:, layer.dropped :] if kept is not None and isinstance(layer, Aligned) else kept

    @property
    def ids(self) -> int:
        """Number of token ids of an input; 0 of inputs that are no text."""
        x = self.inputs("test")
        return x.shape[1] if x.ndim == 2 and not x.is_floating_point() else 0

    def net(self, network: Network) -> nn.Sequential:
        """The whole network, frozen, in eval mode."""
        if network.content not in self._nets:
            self._nets[network.content] = weights.load(network, network.home(self.setting), self.device)
        return self._nets[network.content]

    def front(self, network: Network, layer: str) -> nn.Module:
        """Representation map R_L: up to the layer, WHOLE for the whole network. Any layer that runs once has one."""
        net = self.net(network)
        if in_a_row(net):
            return self.halves(network, layer)[0]
        if isinstance(layer, Aligned):
            return followed(self.front(network, layer.layer), layer.after)
        front, axes = net if layer == WHOLE else HookedFront(net, layer), self.axes(network, layer)
        return front if axes is None else followed(front, axes.canonical)

    def halves(self, network: Network, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
        """Representation map R_L and task map T_L with batch norms folded, which all cuts of a network share but those
        between a convolution and its batch norm. Activations of tokens are (n, c, t, 1) on their way out and in."""
        if isinstance(layer, Aligned):
            return layer.parts(*self.halves(network, layer.layer))
        key = (network.content, layer)
        if key not in self._cuts:
            net = self.net(network)
            front, end = self._of_row(network, layer) if in_a_row(net) else self._traced(network, layer)
            axes = self.axes(network, layer)
            if axes is not None:
                front, end = followed(front, axes.canonical), preceded(axes.raw, end)
            self._cuts[key] = front, end
        return self._cuts[key]

    def _of_row(self, network: Network, layer: str) -> tuple[nn.Module, ...]:
        """Front and end of a row of stages."""
        net = self.net(network)
        parts = cut(net, layer)
        if network.content not in self._whole:
            self._whole[network.content] = fold(net)
        whole = self._whole[network.content]
        parts = cut(whole, layer) if layer in stages_of(whole) else map(fold, parts)
        return tuple(part.eval() for part in parts)

    def _traced(self, network: Network, layer: str) -> tuple[nn.Module, nn.Module]:
        """Front and end of a network that is no row of stages. Inapplicable where it cannot be cut at the layer."""
        if network.content not in self._cutters:
            few = inputs.prepared(self.inputs("test")[:FEW], network.model, network.home(self.setting), self.device)
            self._cutters[network.content] = Cutter(self.net(network), network.model.adapted(few))
        cutter = self._cutters[network.content]
        hooked = self.setting.cut == "hook" and cutter.engine(layer)[0] is None and not cutter.probe.fault(layer)
        try:
            halves = cutter.cut(layer, "hook" if hooked else "auto")
        except InputError as error:
            reason = str(error).partition("; cut at a layer")[0]
            advice = "" if cutter.probe.fault(layer) else "; cut=hook (--cut hook) stitches into the whole network"
            raise Inapplicable(f"{network.name} has no end: {reason}{advice}") from None
        self._engines[network.content, layer] = halves.engine
        return halves.front, Rereading(halves.end) if halves.reads_input else halves.end

    def layout(self, network: Network, layer: str) -> Layout | None:
        """The layout of a layer's output: what the user says (`Network.layouts`) or the model declares
        (`Model.layouts`), else for a network that is not a row of stages what a forward pass shows; None for images,
        vectors, and what is not known."""
        seen = self._seen(network).get(layer) if network.layouts else None
        layout = None
        for pattern, text in network.layouts:
            if layout is None and fnmatchcase(layer, pattern):
                layout = Layout.parse(text)
                if seen is not None and seen.axes != layout.axes:
                    if pattern == layer:
                        raise InputError(f"the output of {layer} of {network.name} is {seen}, and not {layout} as said")
                    layout = None  # said of layers with another number of axes
        for pattern, text in (getattr(network.model, "layouts", None) or {}).items():
            if layout is None and fnmatchcase(layer, pattern):
                layout = Layout.parse(text)
        if layout is None:
            layout = self._seen(network).get(layer)
        return None if layout is None or layout.kind in ("image", "vector") else layout

    def _seen(self, network: Network) -> dict[str, Layout]:
        """What a forward pass shows of a network that is not a row of stages: layer -> layout."""
        if network.content not in self._layouts and in_a_row(self.net(network)):
            self._layouts[network.content] = {}
        if network.content not in self._layouts:
            two = inputs.prepared(self.inputs("test")[:2], network.model, network.home(self.setting), self.device)
            self._layouts[network.content] = layouts_of(self.net(network), network.model.adapted(two))
        return self._layouts[network.content]

    def axes(self, network: Network, layer: str) -> Layout | None:
        """The same without class tokens and grid, which all activations of tokens keep."""
        layout = self.layout(network, layer)
        return None if layout is None else Layout(layout.kind)

    def end(self, network: Network, layer: str) -> nn.Sequential:
        """Task map T_L: everything above the layer, batch norms folded. It takes activations, and after them the inputs
        of the network where it is `Rereading`."""
        return self.halves(network, layer)[1]

    def engine(self, network: Network, layer: str) -> str:
        """The engine of `simbench.cutting` that cut a network at a layer."""
        self.halves(network, layer)
        return self._engines.get((network.content, getattr(layer, "layer", layer)), "sequential")

    def inputs(self, split: str) -> Tensor:
        """(n, c, h, w) uint8, or float32 in [0, 1]."""
        return self._splits[split][0]
