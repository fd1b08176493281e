"""Kernels of rows, with the parameters in which published codes differ, and their Gram matrices."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from simbench import InputError, Undefined

if TYPE_CHECKING:
    from torch import Tensor

Name = Literal["linear", "rbf", "laplacian", "polynomial"]
Median = Literal["pairs", "all", "nonzero"]

#: Smallest number of rows for the unbiased HSIC, which divides by n - 3.
FEWEST_ROWS = 4
#: Elements of the rows that are centred and multiplied at a time, few enough to stay in the processor's cache.
_BLOCK = 2**21
#: Rows whose size is below this share of that of their mean are rounding errors of the mean.
_DEAD = 16 * 2.0**-52
#: Parameter -> its default, and the kernels that have it.
_OF = {
    "bandwidth": (1.0, ("rbf", "laplacian")),
    "median": ("pairs", ("rbf", "laplacian")),
    "degree": (3, ("polynomial",)),
    "offset": (1.0, ("polynomial",)),
}


@dataclass(frozen=True)
class Kernel:
    """k(x, y) of two rows, in units that make all kernels but the linear one independent of the scale of the rows.

    name: "linear" <x, y>; "rbf" exp(-d^2 / (2 sigma^2)); "laplacian" exp(-d / sigma), both of the Euclidean distance d;
        "polynomial" (<x, y> / s + offset)^degree with s the mean squared length of the rows. Rows are taken about
        their mean where the Gram matrix is centred.
    bandwidth: sigma as a multiple of the median distance between rows.
    median: of which distances: "pairs" those of the n (n - 1) / 2 pairs of rows; "all" the root of the median of all
        n^2 squared distances, zeros of the diagonal included (Kornblith et al. 2019, their code); "nonzero" the root of
        the median of the squared distances that are not zero. Each is the mean of the two middle values of an even
        number of values.
    degree, offset: of the polynomial.
    """

    name: Name = "linear"
    bandwidth: float = 1.0
    median: Median = "pairs"
    degree: int = 3
    offset: float = 1.0

    @classmethod
    def of(cls, index: Any) -> Kernel:
        """The kernel of an index with the fields kernel, bandwidth, median, degree and offset. Raises InputError for a
        parameter that its kernel does not have."""
        for parameter, (default, kernels) in _OF.items():
            value = getattr(index, parameter)
            if value != default and index.kernel not in kernels:
                raise InputError(
                    f"{parameter} is {value} and kernel {index.kernel}; {parameter} is only for "
                    f"kernel={' or kernel='.join(kernels)}"
                )
        return cls(index.kernel, *(getattr(index, parameter) for parameter in _OF))

    @property
    def moves(self) -> bool:
        """Whether k(x, y) changes where x and y move alike."""
        return self.name in ("linear", "polynomial")

    def gram(self, x: Tensor, factor: float, centred: bool, largest: float) -> tuple[Tensor, float, float]:
        """(n, n) float64 Gram matrix of the rows x (n, p) times `factor`, its trace, and the most that it may change,
        in the Frobenius norm, if every row x_i moves by a vector no longer than its largest number.

        centred: whether rows are taken about their mean. largest: norm of the largest numbers of all rows, times
        `factor`. Raises Undefined, with a reason that follows the name of the side, where the kernel is undefined.
        """
        if self.name in ("rbf", "laplacian"):
            return self._of_distances(x * factor, largest)
        if self.name == "polynomial" and centred:  # the mean is part of the value, and so of its gradient
            x, centred = x - x.mean(0), False
        gram = _products(x, factor, centred)
        lengths = float(gram.detach().trace())
        if self.name == "linear":
            return gram, lengths, largest * lengths**0.5
        if lengths <= (_DEAD * largest) ** 2:
            raise Undefined("has no rows that differ by more than rounding, so that its polynomial kernel has no unit")
        scaled = gram * (len(x) / gram.trace()) + self.offset
        steepest = self.degree * float(scaled.detach().abs().max()) ** (self.degree - 1) * len(x) / lengths
        gram = scaled**self.degree
        return gram, self.degree * float(gram.detach().trace()), steepest * largest * lengths**0.5

    def _of_distances(self, x: Tensor, largest: float) -> tuple[Tensor, float, float]:
        import torch
        from simbench_plugins.indices.distances import distances, square

        between = distances(x).to(torch.float64)
        sigma = self.bandwidth * self._middle(between.detach(), len(x))
        if not sigma > 0:
            raise Undefined(
                "has rows of which many coincide: the median distance between rows is 0 and so is the bandwidth of the "
                f"{self.name} kernel; use kernel=linear"
            )
        if self.name == "rbf":
            values, slope = torch.exp(-between.square() / (2 * sigma**2)), math.exp(-0.5)
        else:
            values, slope = torch.exp(-between / sigma), 1.0
        return square(values, len(x), 1.0), float(len(x)), slope * largest / sigma * len(x) ** 0.5

    def _middle(self, between: Tensor, n: int) -> float:
        """The median distance, by the convention of `median`."""
        import torch
        from simbench_plugins.indices.distances import median

        if self.median == "pairs":
            return float(median(between))
        if self.median == "nonzero":
            between = between[between > 0]
        if self.median == "all":
            between = torch.cat([between, between, between.new_zeros(n)])
        return float(median(between.square())) ** 0.5 if len(between) else 0.0


def _products(x: Tensor, factor: float, centred: bool) -> Tensor:
    """(n, n) inner products in float64 of the rows times `factor`, about their mean or as they are, computed in the
    precision of the rows, a block of columns at a time.

    The rounding error of the mean shifts all rows equally, which does not affect a centred Gram matrix.
    """
    import torch

    gram = torch.zeros(len(x), len(x), dtype=torch.float64, device=x.device)
    average = torch.full((1, len(x)), 1 / len(x), dtype=x.dtype, device=x.device)
    for part in x.split(max(1, _BLOCK // len(x)), 1):
        part = part if factor == 1 else part * factor
        part = part - average @ part.detach() if centred else part
        gram = gram + part @ part.mT
    return gram
