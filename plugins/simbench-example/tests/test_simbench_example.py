import numpy as np
import pytest
from scipy.linalg import orthogonal_procrustes
from simbench_example import ProcrustesSimilarity

import simbench
from simbench.check import parametrize


@parametrize(ProcrustesSimilarity())
def test_conforms(check):
    check()


def test_is_what_the_best_rotation_reaches():
    a, b = np.random.default_rng(0).normal(size=(2, 40, 5)) + 3
    a, b = a - a.mean(0), b - b.mean(0)
    rotation, _ = orthogonal_procrustes(a, b)
    reached = np.sum((a @ rotation) * b) / (np.linalg.norm(a) * np.linalg.norm(b))
    assert simbench.similarity("procrustes_similarity", a + 7, b) == pytest.approx(reached, abs=1e-12)
