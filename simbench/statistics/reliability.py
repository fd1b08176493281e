"""How reliable a target is, and the largest correlation with it that any index could reach.

The scores of stitched networks are noisy, because they are means over a sample of inputs. Scores on two halves of the
inputs show by how much: their correlation is the reliability of half a test, from which the formula of Spearman and
Brown gives that of the whole. A perfect predictor of the noiseless scores correlates with the measured ones by the
square root of their reliability, not by the reliability itself: the noise ceiling.

Sources: Spearman, "Correlation calculated from faulty data" (1910), and Brown, "Some experimental results in the
correlation of mental abilities" (1910), for the whole from halves; Spearman, "The proof and measurement of association
between two things" (1904), for attenuation.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numpy import ndarray

from simbench.statistics.ranks import ranks
from simbench.statistics.weighted import residuals

#: Numbers of pairs of halves that a reliability is the mean over.
SPLITS = 20
#: The reliability that a target must have in a layer to count there: half of the variance of its ranks is no noise.
RELIABLE = 0.5


@lru_cache(maxsize=4)
def half_splits(inputs: int, splits: int = SPLITS) -> ndarray:
    """(splits, inputs) booleans: one half, of inputs // 2, of each split. They depend on the two numbers alone, and are
    the same array at every call.

    >>> half_splits(5, 3).sum(axis=1).tolist()
    [2, 2, 2]
    """
    seed = hashlib.sha256(f"halves of {inputs}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(seed[:16], "big"))
    halves = np.array([rng.permutation(inputs) < inputs // 2 for _ in range(splits)])
    halves.flags.writeable = False
    return halves


def whole(half: float) -> float:
    """The reliability of a test from that of its halves: 2 r / (1 + r), and 0 where halves of noise happen to correlate
    negatively.

    >>> whole(0.5), whole(-0.2)
    (0.6666666666666666, 0.0)
    """
    if np.isnan(half):
        return np.nan
    return 2 * half / (1 + half) if half > 0 else 0.0


def ceiling(reliability: float) -> float:
    """The largest correlation that a predictor can reach with a target: sqrt(r), 0 for a target of noise alone.

    >>> ceiling(0.25)
    0.5
    """
    return float(np.sqrt(min(max(reliability, 0.0), 1.0))) if np.isfinite(reliability) else np.nan


def reliability(halves: ndarray, given: ndarray | None = None) -> float:
    """Reliability of the scores of n cells, for Spearman's correlation: that of their halves, mean over S splits, and
    the whole's from it.

    halves: (n, S, 2) scores on both halves of each split; NaN where unknown. given: as for `weighted.residuals`, for
    the partial correlation. NaN where a score is unknown or no split has scores that vary.
    """
    if len(halves) < 3 or not np.isfinite(halves).all():
        return np.nan
    ranked = ranks(halves, 0)
    flat = ranked.reshape(len(ranked), -1)
    centred = residuals(np.ones((len(ranked), 1)), given)(flat).reshape(ranked.shape)
    size = np.sqrt(np.square(centred).sum(axis=0).prod(axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = centred.prod(axis=-1).sum(axis=0) / np.where(size > 1e-9, size, np.nan)
    correlation = correlation[np.isfinite(correlation)]
    return float(whole(correlation.mean())) if len(correlation) else np.nan
