"""The embedded default: 1,797 real scans of handwritten digits, no download."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from simbench import Dataset, Split, hookimpl

#: Share of the images held out for testing, the seed that drew them, and pixels per side.
TEST_SHARE, SPLIT_SEED, SIZE = 0.2, 0, 32


@dataclass(frozen=True)
class Digits(Dataset):
    """scikit-learn's 8x8 scans (0 to 16), scaled to 0-255 and resized to 32x32 bilinearly.

    1,437 train and 360 test images of 10 classes, one channel; a fixed split, stratified by class.
    mean, std: of all pixels of the train images.
    """

    name = "digits"
    source = "Alpaydin and Kaynak 1998, UCI optical recognition of handwritten digits (test part)"
    channels, classes = 1, 10
    mean, std = (0.3054,), (0.3237,)
    epochs = 8

    def split(self, name: str) -> Split:
        return _splits()[name]


@cache  # of the process, not of the object, which would carry the images into every pickle
def _splits() -> dict[str, Split]:
    """Images (n, 1, 32, 32) uint8; every product below is exact in float64, so the pixels are the same anywhere."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    scans, labels = load_digits(return_X_y=True)
    # Row k of `stretch` holds the bilinear weights of the 8 pixels for pixel k of 32.
    centres = (np.arange(SIZE) + 0.5) * 8 / SIZE - 0.5
    stretch = np.stack([np.interp(centres, np.arange(8), unit) for unit in np.eye(8)], 1)
    images = np.rint(stretch @ (scans.reshape(-1, 8, 8) * 255 / 16) @ stretch.T).astype(np.uint8)
    parts = train_test_split(images[:, None], labels.astype(np.int64), test_size=TEST_SHARE,
                             stratify=labels, random_state=SPLIT_SEED)
    return {"train": Split(parts[0], parts[2]), "test": Split(parts[1], parts[3])}


@hookimpl
def simbench_datasets():
    return [Digits()]
