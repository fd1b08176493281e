"""Networks of timm: `timm:vit_tiny_patch16_224`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simbench_plugins.sources.foreign import Foreign, package

from simbench import InputError, Preprocess, Source, hookimpl
from simbench.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class TimmNetwork(Foreign):
    """An image classifier of timm; `simbench list models 'timm:vit_*'` shows those that match."""

    __doc__ += Foreign.__doc__.partition("\n")[2]

    prefix = "timm"
    source = "Wightman 2019, PyTorch image models"

    @property
    def _config(self) -> Any:
        """timm's description of the weights that are named, or of its default ones."""
        timm = package("timm", "timm")
        name = self.network if self.weights in (None, "DEFAULT") else f"{self.network}.{self.weights}"
        found = timm.get_pretrained_cfg(name, allow_unregistered=False)
        if self.weights and (found is None or not (found.has_weights)):
            tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{self.network}.*")]
            raise unknown(f"weights of {self.name}", self.weights, tags or ["none, which trains it"])
        return found

    @property
    def own(self) -> Preprocess:
        config = self._config
        if config is None:
            raise InputError(f"timm publishes no transforms for {self.network}; give size, mean and std")
        channels, height, width = config.input_size
        resize = round(height / config.crop_pct) if config.crop_pct < 1 else None
        mode = config.interpolation if config.interpolation in ("bilinear", "bicubic") else "bicubic"
        return Preprocess((height, width), resize, mode, channels, tuple(config.mean), tuple(config.std))

    @property
    def needs_size(self) -> bool:
        return bool(self._config and self._config.fixed_input_size)

    @property
    def outputs(self) -> int:
        return self._config.num_classes

    def build(self, channels: int, classes: int) -> nn.Module:
        extra = {"img_size": self.size} if self.size and self.needs_size else {}
        timm = package("timm", "timm")
        try:
            return timm.create_model(self.network, pretrained=False, num_classes=classes, in_chans=3, **extra)
        except (RuntimeError, ValueError, TypeError, AssertionError) as error:
            raise InputError(f"{self.spec} cannot be built: {' '.join(str(error).split())}") from error

    def fetch(self) -> dict[str, Tensor]:
        """By timm's own download, into its own cache."""
        timm = package("timm", "timm")
        name = self.network if self.weights == "DEFAULT" else f"{self.network}.{self.weights}"
        try:
            return timm.create_model(name, pretrained=True).state_dict()
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(
                f"the weights of {self.spec} cannot be fetched ({' '.join(str(error).split())}); give a checkpoint"
            ) from error


class Timm(Source):
    """Image classifiers of timm."""

    name = "timm"
    source = "timm, by the names of timm.list_models()"

    def names(self) -> tuple[str, ...]:
        return tuple(package("timm", "timm").list_models())

    def model(self, name: str) -> TimmNetwork:
        if not package("timm", "timm").is_model(name):
            raise unknown("network of timm", name, self.names(), "simbench list models 'timm:*'")
        return TimmNetwork(network=name)


@hookimpl
def simbench_sources():
    return [Timm()]
