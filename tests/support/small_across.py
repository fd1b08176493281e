"""A second task on images like those of `blobs`, a coloured one, and a model with published weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from small_plugins import Blobs, Net

import simbench
from simbench import Split

#: Class of `blobs` -> whether its square lies at the top and at the left.
CORNERS = {0: (1, 1), 1: (1, 0), 2: (0, 1)}


class Marks(Blobs):
    """`blobs` with two binary labels in place of the class, and another normalisation."""

    name, source = "marks", "made by the tests"
    classes, attributes = 2, ("top", "left")
    mean, std = (0.5,), (0.4,)

    def split(self, name: str) -> Split:
        import numpy as np

        part = super().split(name)
        return Split(part.inputs, np.array([CORNERS[int(label)] for label in part.labels]))


class Coloured(Blobs):
    """`blobs` in three channels."""

    name, source = "coloured", "made by the tests"
    channels, mean, std = 3, (0.3,) * 3, (0.2,) * 3

    def split(self, name: str) -> Split:
        part = super().split(name)
        return Split(part.inputs.repeat(3, 1), part.labels)


class Elsewhere(Blobs):
    """What the published weights were trained on; its images are not to be had."""

    name, source = "elsewhere", "made by the tests"
    classes = 5
    mean, std = (0.1,), (0.7,)

    def split(self, name: str) -> Split:
        raise AssertionError("the images of published weights are never asked for")


@dataclass(frozen=True)
class Published(Net):
    """`net`, or with weights=elsewhere one whose weights are published: seed 7, five classes, untrained."""

    weights: Literal["none", "elsewhere"] = "none"

    name, source = "famous", "made by the tests"

    def published(self):
        return Elsewhere() if self.weights == "elsewhere" else None

    def fetch(self):
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(7)
            return self.build(1, 5).state_dict()


class AcrossPlugins:
    """A plugin with the data sets `marks` and `coloured` and the model `famous`."""

    @simbench.hookimpl
    def simbench_datasets(self):
        return [Marks(), Coloured()]

    @simbench.hookimpl
    def simbench_models(self):
        return [Published()]
