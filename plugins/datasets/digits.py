"""The default data set: 1,797 scans of handwritten digits that come with scikit-learn, without a download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from simbench import Dataset, Split, hookimpl
from simbench.errors import unknown

if TYPE_CHECKING:
    import numpy

#: Share of the images held out for testing, the seed that drew them, and pixels per side.
TEST_SHARE, SPLIT_SEED, SIZE = 0.2, 0, 32
PARTS = ("train", "test")
#: attribute -> the digits that have it; no two digits have the same attributes.
ATTRIBUTES = {
    "odd": (1, 3, 5, 7, 9),
    "prime": (2, 3, 5, 7),
    "above_four": (5, 6, 7, 8, 9),
    "multiple_of_three": (0, 3, 6, 9),
    "closed_loop": (0, 6, 8, 9),
    "straight_strokes": (1, 4, 7),
}
#: task -> (number of outputs, attributes).
TASKS = {"digit": (10, ()), "parity": (2, ()), "size": (2, ()), "attributes": (len(ATTRIBUTES), tuple(ATTRIBUTES))}


@dataclass(frozen=True)
class Digits(Dataset):
    """scikit-learn's 8x8 scans (0 to 16), scaled to 0-255 and resized to 32x32 bilinearly.

    1,437 train and 360 test images of one channel; a fixed split, stratified by digit, the same for every task.
    mean, std: of all pixels of the train images.
    task: the meaning of the labels. "digit": 10 classes. "parity": even (0) or odd (1). "size": up to four (0) or
        above (1). "attributes": six binary labels, each a function of the digit, for experiments with several labels
        per image.
    """

    task: Literal["digit", "parity", "size", "attributes"] = "digit"

    name = "digits"
    source = "Alpaydin and Kaynak 1998, UCI optical recognition of handwritten digits (test part)"
    channels = 1
    mean, std = (0.3054,), (0.3237,)
    epochs = 8

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise unknown("task", self.task, TASKS)

    @property
    def classes(self) -> int:
        return TASKS[self.task][0]

    @property
    def attributes(self) -> tuple[str, ...]:
        return TASKS[self.task][1]

    def split(self, name: str) -> Split:
        part = _splits()[name]
        return Split(part.inputs.copy(), _labels(self.task, part.labels))


@cache  # of the process, not of the object, which would carry the images into every pickle
def _splits() -> dict[str, Split]:
    """Images (n, 1, 32, 32) uint8; all products below are exact in float64, so the pixels are the same on every
    machine."""
    import numpy as np

    scans, labels = _scans()
    # Row k of `stretch` holds the bilinear weights of the 8 pixels for pixel k of 32.
    centres = (np.arange(SIZE) + 0.5) * 8 / SIZE - 0.5
    stretch = np.stack([np.interp(centres, np.arange(8), unit) for unit in np.eye(8)], 1)
    images = np.rint(stretch @ (scans.reshape(-1, 8, 8) * 255 / 16) @ stretch.T).astype(np.uint8)[:, None]
    return {name: Split(images[drawn], labels[drawn]) for name, drawn in zip(PARTS, _drawn(labels), strict=True)}


def _scans() -> tuple[numpy.ndarray, numpy.ndarray]:
    """(n, 64) float64 scans and (n,) int64 labels, from the file of scikit-learn, whose import takes a second."""
    import gzip
    from importlib.util import find_spec
    from pathlib import Path

    import numpy as np

    file = Path(find_spec("sklearn").submodule_search_locations[0], "datasets", "data", "digits.csv.gz")
    with gzip.open(file) as lines:
        table = np.loadtxt(lines, delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)


def _drawn(labels: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Positions of the train and of the test images: those of scikit-learn's `train_test_split`, stratified by label.

    Each label has its share of each part, rounded down; the images that are lacking are those of the labels that lost
    most, drawn among equals.
    """
    import numpy as np

    generator = np.random.RandomState(SPLIT_SEED)
    counts = np.bincount(labels)

    def shares(size: int, counts: numpy.ndarray) -> numpy.ndarray:
        exact = counts / counts.sum() * size
        whole = np.floor(exact)
        lost, lacking = exact - whole, size - int(whole.sum())
        for value in sorted(set(lost), reverse=True):
            equals = np.flatnonzero(lost == value)
            more = min(len(equals), lacking)
            if more:
                whole[generator.choice(equals, more, replace=False)] += 1
                lacking -= more
        return whole.astype(int)

    held = int(np.ceil(TEST_SHARE * len(labels)))
    train = shares(len(labels) - held, counts)
    test = shares(held, counts - train)
    parts: tuple[list[int], list[int]] = ([], [])
    for label, (first, second) in enumerate(zip(train, test, strict=True)):
        order = np.flatnonzero(labels == label)[generator.permutation(counts[label])]
        parts[0].extend(order[:first])
        parts[1].extend(order[first : first + second])
    return generator.permutation(parts[0]), generator.permutation(parts[1])


def _labels(task: str, digits: numpy.ndarray) -> numpy.ndarray:
    """Labels (n,) or (n, attributes) int64 of digits (n,)."""
    import numpy as np

    having = {name: np.isin(digits, among).astype(np.int64) for name, among in ATTRIBUTES.items()}
    return {
        "digit": digits,
        "parity": having["odd"],
        "size": having["above_four"],
        "attributes": np.stack(list(having.values()), 1),
    }[task]


@hookimpl
def simbench_datasets():
    return [Digits()]
