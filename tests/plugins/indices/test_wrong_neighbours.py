"""The known answers of the conformance kit refuse indices with a mistake, and accept those without."""

import pytest
from simbench_plugins.indices.neighbours import Jaccard, MutualKNN
from simbench_plugins.indices.regression import PLS
from wrong_neighbours import JaccardWithItself, MutualWithItself, TrainScoredPLS

from simbench.check import checks

TWINS = [(MutualKNN, MutualWithItself), (Jaccard, JaccardWithItself), (PLS, TrainScoredPLS)]


def known_answers(index):
    return next(check for check in checks(index) if check.name == "known_answers").run()


@pytest.mark.parametrize("params", [{}, {"k": 3}, {"folds": 4}], ids=str)
@pytest.mark.parametrize("right, wrong", TWINS, ids=lambda kind: kind.__name__)
def test_the_kit_refuses_the_wrong_twin(right, wrong, params):
    if not params.keys() <= right.__dataclass_fields__.keys():
        params = {}
    assert known_answers(right(**params)).status == "passed"
    outcome = known_answers(wrong(**params))
    assert outcome.status == "failed" and "off by" in outcome.reason


def test_errors_of_the_wrong_twins_are_not_of_rounding():
    # A row that shares no neighbour shares itself: 1 of k, for two of 2k + 2 rows. Rows predict themselves: 1, not 0.
    for index, least in ((MutualWithItself(), 2 / 10 / 22), (JaccardWithItself(), 0.01), (TrainScoredPLS(), 0.5)):
        error = float(known_answers(index).reason.split("off by ")[1].split()[0])
        assert error > 0.99 * least
