"""Networks of torchvision: `torchvision:resnet18`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simbench_plugins.sources.foreign import Foreign, library

from simbench import InputError, Preprocess, Source, hookimpl
from simbench.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Heads that only train, and that a network which is measured does not have.
AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


@dataclass(frozen=True)
class TorchvisionNetwork(Foreign):
    """An image classifier of torchvision; `simbench list models 'torchvision:*'` shows all."""

    __doc__ += Foreign.__doc__.partition("\n")[2]

    prefix = "torchvision"
    source = "torchvision.models"

    @property
    def own(self) -> Preprocess:
        transform = self._published.transforms()
        side = transform.crop_size[0]
        return Preprocess(
            (side, side),
            transform.resize_size[0],
            transform.interpolation.value,
            3,
            tuple(transform.mean),
            tuple(transform.std),
        )

    @property
    def needs_size(self) -> bool:
        return self.network.startswith("vit_")

    @property
    def outputs(self) -> int:
        return len(self._published.meta["categories"])

    @property
    def _published(self) -> Any:
        """The weights that are named, or the best. Raises InputError for unknown ones."""
        models = library("torchvision.models")
        offered = models.get_model_weights(self.network)
        name = self.weights or "DEFAULT"
        if name not in offered.__members__:
            raise unknown(f"weights of {self.name}", name, offered.__members__)
        return offered[name]

    def build(self, channels: int, classes: int) -> nn.Module:
        models = library("torchvision.models")
        extra: dict[str, Any] = {}
        if self.weights and classes != self.outputs:
            raise InputError(f"{self.spec} has {self.outputs} outputs, and {classes} are wanted; leave weights out")
        if self.network in ("googlenet", "inception_v3"):
            extra = {"aux_logits": False, "init_weights": True, "transform_input": bool(self.weights)}
        if self.needs_size and self.size:
            extra = {"image_size": self.size}
        try:
            return models.get_model(self.network, weights=None, num_classes=classes, **extra)
        except ValueError as error:
            raise InputError(f"{self.spec} cannot be built: {error}") from error

    def fetch(self) -> dict[str, Tensor]:
        """By torchvision's own download, into its own cache."""
        try:
            state = self._published.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"the weights of {self.spec} cannot be fetched ({reason}); put the file of {self._published.url} into "
                "$TORCH_HOME/hub/checkpoints, or give a checkpoint"
            ) from error
        return {name: value for name, value in state.items() if not name.startswith(AUXILIARY)}


class Torchvision(Source):
    """Image classifiers of torchvision."""

    name = "torchvision"
    source = "torchvision.models, by the names of torchvision.models.list_models()"

    def names(self) -> tuple[str, ...]:
        models = library("torchvision.models")
        return tuple(models.list_models(module=models))

    def model(self, name: str) -> TorchvisionNetwork:
        if name not in self.names():
            raise unknown("network of torchvision", name, self.names(), "simbench list models 'torchvision:*'")
        return TorchvisionNetwork(network=name)


@hookimpl
def simbench_sources():
    return [Torchvision()]
