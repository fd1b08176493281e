"""Data sets that Hugging Face's `datasets` has saved on disk: `hf:DIR`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simbench_plugins.sources.array_files import Loaded
from simbench_plugins.sources.foreign import package

from simbench import InputError, number

#: Columns, by what they hold; the first that is there is taken.
LABELS = ("labels", "label", "fine_label", "target", "y")
INPUTS = ("input_ids", "pixel_values", "image", "img", "images", "x", "text", "sentence")


@dataclass(frozen=True)
class DiskData(Loaded):
    """A folder of `save_to_disk`: images, arrays, token ids (with attention_mask), or text with a tokeniser.

    size: pixels per side to which images are resized; none: they all have one size. tokenizer: a name on the Hub or a
    folder of transformers, for text. length: most tokens of a text.
    The test split is `test`, or else `validation`, or else a fifth of the rows.
    outputs, ids, centre, spread: as for arrays.
    """

    size: int | None = number(None, least=1)
    tokenizer: str | None = None
    length: int = number(128, least=1)

    prefix = "hf"
    source = "the user's own, saved by datasets"

    def _read(self) -> tuple[Any, Any]:
        datasets = package("datasets", "hf")
        try:
            opened = datasets.load_from_disk(str(Path(self.path).expanduser()))
        except (OSError, ValueError) as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise InputError(f"{self.name} cannot be read ({reason}); give a folder that save_to_disk wrote") from None
        if not isinstance(opened, Mapping):
            return self._items(opened), None
        if "train" not in opened:
            raise InputError(f"{self.name} has the splits {', '.join(opened)}; one named train is wanted")
        other = next((opened[name] for name in ("test", "validation") if name in opened), None)
        return self._items(opened["train"]), None if other is None else self._items(other)

    def _items(self, rows: Any) -> Iterator[Mapping[str, Any]]:
        """Dicts of one input and its label each."""
        inputs, labels = (next((key for key in keys if key in rows.column_names), None) for keys in (INPUTS, LABELS))
        if inputs is None or labels is None:
            raise InputError(
                f"{self.name} has the columns {', '.join(rows.column_names)}; one of {', '.join(INPUTS)} and one of "
                f"{', '.join(LABELS)} are wanted"
            )
        if inputs in ("text", "sentence"):
            yield from self._texts(rows, inputs, labels)
            return
        for row in rows:
            if inputs == "input_ids":
                yield {key: row[key] for key in (inputs, "attention_mask") if key in row} | {"labels": row[labels]}
            else:
                yield {"images": self._pixels(row[inputs]), "labels": row[labels]}

    def _texts(self, rows: Any, inputs: str, labels: str) -> Iterator[Mapping[str, Any]]:
        if self.tokenizer is None:
            raise InputError(f"{self.name} holds text; give {self.name}[tokenizer=NAME], the network's own tokeniser")
        tokenizer = package("transformers", "hf").AutoTokenizer.from_pretrained(self.tokenizer)
        for row in rows:
            encoded = tokenizer(row[inputs], truncation=True, max_length=self.length)
            yield {**{key: encoded[key] for key in ("input_ids", "attention_mask")}, "labels": row[labels]}

    def _pixels(self, image: Any) -> Any:
        """uint8 (c, h, w) of a PIL image, or an array as it is."""
        import numpy as np

        if not hasattr(image, "convert"):
            return np.asarray(image)
        image = image if image.mode in ("L", "RGB") else image.convert("RGB")
        if self.size and image.size != (self.size, self.size):
            from PIL import Image

            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        pixels = np.asarray(image)
        return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
