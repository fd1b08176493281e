"""Data in a file of arrays: `arrays:FILE.npz`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zipfile import is_zipfile

from simbench import Dataset, InputError, Source, Split, hookimpl, number

if TYPE_CHECKING:
    from simbench.data.memory import InMemory

#: Names of (train inputs, train labels, test inputs, test labels) that are customary; the test split may be missing.
NAMES = (
    ("x_train", "y_train", "x_test", "y_test"),
    ("train_images", "train_labels", "test_images", "test_labels"),
    ("x", "y", "xe", "ye"),
    ("inputs", "labels", "test_inputs", "test_labels"),
    ("input_ids", "labels", "test_input_ids", "test_labels"),
)
#: Attention masks of token ids.
MASKS = ("attention_mask", "test_attention_mask")


@dataclass(frozen=True)
class Loaded(Dataset):
    """A data set that is read into memory when it is first asked for.

    outputs, ids: number of classes and of token ids; none: one more than the largest.
    targets: "classes", or "numbers" to predict; none: floats that are not whole are numbers.
    centre, spread: mean and std per channel of images scaled to [0, 1]; none: networks see uint8 images divided by 255,
        and floats as they are.
    """

    path: str = ""
    outputs: int | None = number(None, least=1)
    ids: int | None = number(None, least=1)
    centre: tuple[float, ...] | None = None
    spread: tuple[float, ...] | None = None
    targets: Literal["classes", "numbers"] | None = None

    prefix = ""

    @property
    def name(self) -> str:
        return f"{self.prefix}:{self.path}"

    @property
    def label(self) -> str:
        """The name of the file or folder, without its path."""
        return Path(self.path).expanduser().resolve().stem

    @property
    def params(self) -> dict[str, Any]:
        left_out = {"path"} if self.targets else {"path", "targets"}  # so that older results keep their names
        return {key: value for key, value in super().params.items() if key not in left_out}

    def prepare(self) -> None:
        self._data  # noqa: B018 (it reads)

    def split(self, name: str) -> Split:
        return self._data.split(name)

    def __getattr__(self, name: str) -> Any:
        if name in ("channels", "classes"):
            return getattr(self._data, name)
        raise AttributeError(name)

    @property
    def mean(self) -> tuple[float, ...]:
        return self._data.mean

    @property
    def std(self) -> tuple[float, ...]:
        return self._data.std

    @property
    def range(self) -> tuple[float, float] | None:
        return self._data.range

    @property
    def as_given(self) -> bool:
        return self._data.as_given

    @property
    def attributes(self) -> tuple[str, ...]:
        return self._data.attributes

    @property
    def regression(self) -> bool:
        return self._data.regression

    @property
    def vocabulary(self) -> int | None:
        return self._data.vocabulary

    @cached_property
    def _data(self) -> InMemory:
        from simbench.data.memory import in_memory

        train, test = self._read()
        stated = {"classes": self.outputs, "vocabulary": self.ids, "mean": self.centre, "std": self.spread}
        return in_memory(train, test, label=self.label, targets=self.targets, **stated)

    def _read(self) -> tuple[Any, Any]:
        """What `in_memory` takes for the train split, and for the test split or None."""
        raise TypeError(f"data set {self.name!r} reads nothing")


@dataclass(frozen=True)
class ArrayFile(Loaded):
    """Arrays in a .npz file: x_train, y_train, x_test, y_test, or x, y and, for the test split, xe, ye.

    Token ids are input_ids, labels, with an attention_mask; test_... for the test split. Without test arrays, a fifth
    of the inputs is the test split.
    outputs, ids: number of classes and of token ids; none: one more than the largest. targets: "classes", or "numbers"
        to predict; none: floats that are not whole are numbers. centre, spread: mean and std per channel of images
        scaled to [0, 1]; none: networks see uint8 images divided by 255, and floats as they are.
    """

    prefix = "arrays"
    source = "the user's own"

    def _read(self) -> tuple[Any, Any]:
        import numpy as np

        file = Path(self.path).expanduser()
        try:
            with np.load(file, allow_pickle=False) as opened:
                held = {key: opened[key] for key in opened.files}
        except Exception as error:  # numpy and zipfile raise their own
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            if file.is_file() and not is_zipfile(file):  # numpy takes it for a pickle, and says how to run it
                reason = "it is no .npz file"
            raise InputError(f"{self.name} cannot be read ({reason}); give a .npz file of plain arrays") from None
        for names in NAMES:
            if names[0] in held and names[1] in held:
                train, test = (
                    self._part(held, x, y, mask) for x, y, mask in zip(names[::2], names[1::2], MASKS, strict=True)
                )
                return train, test
        raise InputError(
            f"{self.name} holds {', '.join(held) or 'nothing'}; wanted are "
            + ", or ".join(", ".join(names) for names in NAMES[:3])
        )

    def _part(self, held: dict, x: str, y: str, mask: str) -> Any:
        if x not in held and y not in held:
            return None
        if x not in held or y not in held:
            raise InputError(f"{self.name} holds one of {x} and {y}; give both")
        if mask in held:
            return {"input_ids": held[x], "attention_mask": held[mask], "labels": held[y]}
        return held[x], held[y]


class Arrays(Source):
    """Arrays in .npz files."""

    name = "arrays"
    source = "FILE.npz, with x_train, y_train, x_test, y_test"

    def dataset(self, name: str) -> ArrayFile:
        return ArrayFile(path=name)


@hookimpl
def simbench_sources():
    return [Arrays()]
