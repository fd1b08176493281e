"""What representations come from: the inputs and labels of one setting, and its networks, whole and cut."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor, nn

from simbench.contracts import splits
from simbench.contracts.objective import Objective
from simbench.contracts.selection import Network, Setting
from simbench.errors import Inapplicable
from simbench.networks import inputs, weights
from simbench.networks.cut import cut
from simbench.networks.fold import fold
from simbench.networks.front import WHOLE, Front
from simbench.networks.stages import in_a_row
from simbench.networks.stages import stages as stages_of
from simbench.system import stopwatch
from simbench.system.surroundings import abroad


class Sources:
    """Inputs, labels and networks of one setting, each read once. batch: inputs of a forward pass."""

    def __init__(self, setting: Setting, device: str = "cpu", batch: int = inputs.BATCH) -> None:
        self.setting, self.device, self.batch = setting, torch.device(device), batch
        self.objective = Objective.of(setting.dataset)
        self._nets: dict[str, nn.Sequential] = {}
        self._whole: dict[str, nn.Sequential] = {}
        self._cuts: dict[tuple[str, str], tuple[nn.Sequential, nn.Sequential]] = {}
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
        return net if layer == WHOLE else Front(net, layer)

    def halves(self, network: Network, layer: str) -> tuple[nn.Sequential, nn.Sequential]:
        """Representation map R_L and task map T_L with batch norms folded, which all cuts of a network share but those
        between a convolution and its batch norm."""
        key = (network.content, layer)
        if key not in self._cuts:
            net = self.net(network)
            if not in_a_row(net):
                raise Inapplicable(
                    f"{network.name} has no end above {layer}: a {type(net).__name__} is not cut, only an "
                    "nn.Sequential of named stages; indices need no end"
                )
            parts = cut(net, layer)
            if network.content not in self._whole:
                self._whole[network.content] = fold(self.net(network))
            whole = self._whole[network.content]
            parts = cut(whole, layer) if layer in stages_of(whole) else map(fold, parts)
            self._cuts[key] = tuple(part.eval() for part in parts)
        return self._cuts[key]

    def end(self, network: Network, layer: str) -> nn.Sequential:
        """Task map T_L: everything above the layer, batch norms folded."""
        return self.halves(network, layer)[1]

    def inputs(self, split: str) -> Tensor:
        """(n, c, h, w) uint8, or float32 in [0, 1]."""
        return self._splits[split][0]
