"""What a null distribution says of a value."""

import math

import pytest

from simbench import Null


def test_the_p_value_counts_draws_at_least_as_similar_and_the_value_itself():
    assert Null(0.5, (0.1, 0.5, 0.7, 0.2)).p_value == pytest.approx(3 / 5)
    assert Null(0.9, (0.1, 0.5, 0.7, 0.2)).p_value == pytest.approx(1 / 5)
    assert Null(0.0, (0.1, 0.5, 0.7, 0.2)).p_value == 1


def test_of_a_distance_the_smaller_is_the_more_similar():
    null = Null(0.2, (1.0, 0.1, 1.9), direction=-1, best=0.0)
    assert null.p_value == pytest.approx(2 / 4)
    assert null.calibrated == pytest.approx((0.2 - 1) / (0 - 1))
    assert Null(0.0, (1.0, 3.0), direction=-1, best=0.0).calibrated == 1


def test_draws_that_differ_by_rounding_are_equal_to_the_value():
    third = 1 / 3
    assert Null(third, (third - 1e-15, third + 1e-15)).p_value == 1
    assert Null(1e6, (1e6 * (1 - 1e-14),), best=math.inf).p_value == 1
    assert Null(third, (third - 1e-6,)).p_value == pytest.approx(1 / 2)


def test_calibration_puts_chance_at_0_and_the_most_similar_value_at_1():
    draws = (0.2, 0.4)
    assert Null(1.0, draws).calibrated == 1 and Null(0.3, draws).calibrated == pytest.approx(0)
    assert Null(0.65, draws).calibrated == pytest.approx(0.5) and Null(0.1, draws).calibrated < 0


def test_nothing_is_calibrated_where_chance_gives_the_best_or_there_is_none():
    assert math.isnan(Null(1.0, (1.0, 1.0 - 1e-12)).calibrated)
    assert math.isnan(Null(3.0, (1.0, 2.0), best=math.inf).calibrated)


def test_the_deviation_is_that_of_a_sample():
    assert Null(0.0, (1.0, 3.0)).deviation == pytest.approx(math.sqrt(2))
    assert math.isnan(Null(0.0, (1.0,)).deviation)
