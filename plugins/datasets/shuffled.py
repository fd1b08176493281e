"""A data set with shuffled labels: networks can memorise it, but learn nothing that generalises."""

from __future__ import annotations

from dataclasses import dataclass

from simbench_plugins.datasets.digits import Digits

from simbench import Dataset, Split, hookimpl, nested, number


@dataclass(frozen=True)
class Shuffled(Dataset):
    """Another data set with permuted train labels, which say nothing about the images. Test labels are unchanged.

    of: the other data set. seed: of the permutation, which numpy's RandomState draws (the same in all versions).
    """

    of: Dataset = nested(Digits, kind="datasets")
    seed: int = number(0, least=0)

    name = "shuffled"
    source = "Zhang et al. 2017, section 2.1"

    @property
    def label(self) -> str:
        return f"{self.of.label}, labels shuffled" + (f" with seed {self.seed}" if self.seed else "")

    @property
    def channels(self) -> int:
        return self.of.channels

    @property
    def classes(self) -> int:
        return self.of.classes

    @property
    def mean(self) -> tuple[float, ...]:
        return self.of.mean

    @property
    def std(self) -> tuple[float, ...]:
        return self.of.std

    @property
    def range(self) -> tuple[float, float] | None:
        return self.of.range

    @property
    def attributes(self) -> tuple[str, ...]:
        return self.of.attributes

    @property
    def epochs(self) -> int:
        return self.of.epochs

    @property
    def augment(self) -> bool:
        return self.of.augment

    def prepare(self) -> None:
        self.of.prepare()

    def split(self, name: str) -> Split:
        import numpy as np

        part = self.of.split(name)
        if name != "train":
            return part
        return Split(part.inputs, part.labels[np.random.RandomState(self.seed).permutation(len(part.labels))])


@hookimpl
def simbench_datasets():
    return [Shuffled()]
