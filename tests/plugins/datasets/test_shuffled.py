"""Shuffled labels: a permutation of the train labels, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from experiment_results import assert_refused
from small_networks import installed


def get(spec: str):
    return installed().get("datasets", spec)


@pytest.fixture(scope="module")
def digits():
    return get("digits")


def test_train_labels_are_permuted_and_say_nothing_of_the_images(digits):
    plain, shuffled = digits.split("train"), get("shuffled").split("train")
    assert (shuffled.inputs == plain.inputs).all()
    assert (np.sort(shuffled.labels) == np.sort(plain.labels)).all()
    agreement = (shuffled.labels == plain.labels).mean()  # by chance 0.1, standard deviation 0.008
    assert agreement == pytest.approx(0.1, abs=0.04)


def test_test_labels_stay(digits):
    assert (get("shuffled").split("test").labels == digits.split("test").labels).all()


def test_the_permutation_follows_from_the_seed():
    first, again, other = (get(spec).split("train").labels for spec in ("shuffled", "shuffled", "shuffled[seed=1]"))
    assert (first == again).all() and (first != other).any()
    order = np.random.RandomState(0).permutation(1437)
    assert (first == get("digits").split("train").labels[order]).all()


def test_labels_of_an_image_with_several_stay_together():
    specs = "digits[task=attributes]", "shuffled[of=digits[task=attributes]]"
    plain, shuffled = (get(spec).split("train").labels for spec in specs)
    assert sorted(map(tuple, shuffled)) == sorted(map(tuple, plain)) and (shuffled != plain).any()


def test_all_else_is_that_of_the_other_data_set(digits):
    shuffled = get("shuffled")
    for name in ("channels", "classes", "mean", "std", "range", "attributes", "epochs", "augment"):
        assert getattr(shuffled, name) == getattr(digits, name), name
    assert shuffled.label == "digits, labels shuffled" and shuffled.fingerprint() != digits.fingerprint()
    assert get("shuffled[seed=2]").label == "digits, labels shuffled with seed 2"


def test_what_is_no_data_set_is_refused():
    assert_refused(lambda: get("shuffled[of=nothing]"), "nothing")
