"""Networks of transformers, by a name on the Hub, a folder or a kind of model: `hf:bert`, `hf:DIR`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from simbench_plugins.sources.datasets_on_disk import DiskData
from simbench_plugins.sources.foreign import Foreign, package

from simbench import Dataset, InputError, Preprocess, Source, hookimpl
from simbench.errors import unknown

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class TransformersNetwork(Foreign):
    """An image or text classifier of transformers: a name on the Hub, a folder with config.json, or a kind (`bert`).

    Text classifiers take token ids (n, t), with -1 at masked positions, from which they make the attention mask; the
    ids must be those of the network's own tokeniser. A kind has the sizes of its first publication.
    weights: DEFAULT uses the published weights instead of training.
    inputs, size, mean, std: as for every source, with the network's own image processor for `inputs=weights`.
    """

    prefix: ClassVar[str] = "hf"
    source = "Wolf et al. 2020, transformers"

    @cached_property
    def config(self) -> Any:
        """Its configuration, from a folder, transformers' own cache or the Hub."""
        transformers = package("transformers", "hf")
        if self.network in self._kinds(True) | self._kinds(False):
            return transformers.AutoConfig.for_model(self.network)
        try:
            return transformers.AutoConfig.from_pretrained(str(Path(self.network).expanduser()))
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(
                f"{self.name} cannot be read ({reason}); give a name on the Hub, a folder with config.json, or a kind "
                "that `simbench list models 'hf:*'` shows"
            ) from None

    @staticmethod
    def _kinds(text: bool) -> dict[str, Any]:
        """Kinds of models that classify text, or images."""
        package("transformers", "hf")
        from transformers.models.auto import modeling_auto as auto

        name = "SEQUENCE" if text else "IMAGE"
        return dict(getattr(auto, f"MODEL_FOR_{name}_CLASSIFICATION_MAPPING_NAMES"))

    @property
    def reads_text(self) -> bool:
        kind = self.config.model_type
        if kind in self._kinds(False):
            return False
        if kind in self._kinds(True):
            return True
        raise InputError(f"{self.name} is a {kind}, which transformers has no image or text classifier of")

    @property
    def vocabulary(self) -> int | None:
        return self.config.vocab_size if self.reads_text else None

    @property
    def own(self) -> Preprocess:
        if self.reads_text:
            return Preprocess()
        side = self.config.image_size if hasattr(self.config, "image_size") else 224
        height, width = side if isinstance(side, (tuple, list)) else (side, side)
        own: Mapping[str, Any] = {}
        if self.network not in self._kinds(False):
            transformers = package("transformers", "hf")
            try:
                own = transformers.AutoImageProcessor.from_pretrained(str(Path(self.network).expanduser())).to_dict()
            except (OSError, ValueError, ImportError):  # a network need not have one
                own = {}
        mean, std = (
            tuple(own[f"image_{each}"]) if own.get(f"image_{each}") else (0.5,) * 3 for each in ("mean", "std")
        )
        mode = {3: "bicubic"}.get(own.get("resample"), "bilinear")
        return Preprocess((height, width), None, mode, 3, mean, std)

    @property
    def needs_size(self) -> bool:
        return not self.reads_text and hasattr(self.config, "image_size")

    @property
    def outputs(self) -> int:
        return self.config.num_labels

    def build(self, channels: int, classes: int) -> nn.Module:
        transformers = package("transformers", "hf")
        config = copy.deepcopy(self.config)
        config.use_cache = False
        if config.num_labels != classes:
            config.num_labels = classes
        if self.reads_text:
            if channels > config.vocab_size:
                raise InputError(
                    f"{self.spec} knows {config.vocab_size} token ids, and the data has {channels}; give ids of "
                    "its own tokeniser"
                )
            if config.pad_token_id is None:
                config.pad_token_id = 0 if config.eos_token_id is None else config.eos_token_id
            made = transformers.AutoModelForSequenceClassification
        else:
            if self.size and self.needs_size:
                config.image_size = self.size
            made = transformers.AutoModelForImageClassification
        net = made.from_config(config)
        from simbench.tracing.calling import plain

        return plain(net)

    def fetch(self) -> dict[str, Tensor]:
        """By transformers' own download, into its own cache."""
        transformers = package("transformers", "hf")
        made = (
            transformers.AutoModelForSequenceClassification
            if self.reads_text
            else transformers.AutoModelForImageClassification
        )
        try:
            return made.from_pretrained(str(Path(self.network).expanduser())).state_dict()
        except (OSError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"the weights of {self.spec} cannot be fetched ({reason}); give a checkpoint") from None


class HuggingFace(Source):
    """Classifiers of transformers, and data sets that `datasets` saved on disk."""

    name = "hf"
    source = "transformers: a name on the Hub, a folder, or a kind of model; datasets: a folder of save_to_disk"

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(TransformersNetwork._kinds(True) | TransformersNetwork._kinds(False)))

    def model(self, name: str) -> TransformersNetwork:
        if not name.strip("/"):
            raise unknown("network of transformers", name, self.names())
        package("transformers", "hf")
        return TransformersNetwork(network=name)

    def dataset(self, name: str) -> Dataset:
        return DiskData(path=name)


@hookimpl
def simbench_sources():
    return [HuggingFace()]
