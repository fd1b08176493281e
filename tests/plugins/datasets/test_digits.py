"""The digits are the same 1,797 images, split the same way, everywhere."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from simbench_plugins.datasets.digits import ATTRIBUTES, TASKS, Digits

from simbench import InputError
from simbench.system.provenance import digest


@pytest.fixture(scope="module")
def splits():
    return {name: Digits().split(name) for name in ("train", "test")}


def test_every_scan_is_in_exactly_one_split_resized_bilinearly(splits):
    import torch
    from sklearn.datasets import load_digits

    scans, labels = load_digits(return_X_y=True)
    pixels = torch.tensor(scans.reshape(-1, 1, 8, 8)) * 255 / 16
    resized = torch.nn.functional.interpolate(pixels, size=(32, 32), mode="bilinear", align_corners=False)
    expected = sorted(
        (int(label), image.tobytes())
        for label, image in zip(labels, resized.round().to(torch.uint8).numpy(), strict=True)
    )
    given = sorted(
        (int(label), image.tobytes())
        for part in splits.values()
        for label, image in zip(part.labels, part.inputs, strict=True)
    )
    assert given == expected


def test_top_row_of_the_first_scan_has_known_pixels(splits):
    # Its top row is 0 0 5 13 9 1 0 0. Pixel 10 lies at 2.125: (7/8 * 5 + 1/8 * 13) * 255 / 16 = 95.6.
    row = [0] * 6 + [10, 30, 50, 70, 96, 128, 159, 191, 199, 183, 167, 151, 128, 96, 64, 32, 14, 10, 6, 2] + [0] * 6
    zeros = np.concatenate([part.inputs[part.labels == 0] for part in splits.values()])
    assert row in zeros[:, 0, 0].tolist()


def test_images_are_one_channel_32_by_32_bytes(splits):
    for name, n in (("train", 1437), ("test", 360)):
        part = splits[name]
        assert part.inputs.shape == (n, 1, 32, 32) and part.inputs.dtype == np.uint8
        assert part.labels.shape == (n,) and part.labels.dtype == np.int64
    assert Digits().channels == 1 and Digits().classes == len(np.unique(splits["test"].labels)) == 10


def test_each_class_has_its_share_in_the_test_split_within_one_image(splits):
    train, test = (np.bincount(splits[name].labels) for name in ("train", "test"))
    assert (abs(test - 0.2 * (train + test)) <= 1).all()


def test_the_split_is_pinned(splits):
    assert {name: digest(part.inputs.tobytes())[:16] for name, part in splits.items()} == {
        "train": "cded41f9f759ca90",
        "test": "f6f7afb8ef571b11",
    }
    assert Digits().fingerprint() == "7fc89dfd59c12b2f9f141d961cd848e2536681ef048ff040ca06f070ac1048b0"


def test_mean_and_std_are_those_of_the_train_pixels(splits):
    pixels = splits["train"].inputs / 255
    assert pixels.mean() == pytest.approx(Digits.mean[0], abs=1e-4)
    assert pixels.std() == pytest.approx(Digits.std[0], abs=1e-4)


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_the_same_images_in_the_same_split(splits, task):
    for name, part in splits.items():
        assert np.array_equal(Digits(task).split(name).inputs, part.inputs)


@pytest.mark.parametrize(
    "task, said", [("digit", lambda d: d), ("parity", lambda d: d % 2), ("size", lambda d: d // 5)]
)
def test_classes_of_a_task_are_a_function_of_the_digit(splits, task, said):
    data = Digits(task)
    for name, part in splits.items():
        labels = data.split(name).labels
        assert labels.tolist() == [said(digit) for digit in part.labels] and labels.dtype == np.int64
        assert set(labels) == set(range(data.classes))
    assert data.attributes == ()


@pytest.mark.parametrize(
    "digit, row",
    [
        (0, [0, 0, 0, 1, 1, 0]),
        (1, [1, 0, 0, 0, 0, 1]),
        (2, [0, 1, 0, 0, 0, 0]),
        (3, [1, 1, 0, 1, 0, 0]),
        (4, [0, 0, 0, 0, 0, 1]),
        (5, [1, 1, 1, 0, 0, 0]),
        (6, [0, 0, 1, 1, 1, 0]),
        (7, [1, 1, 1, 0, 0, 1]),
        (8, [0, 0, 1, 0, 1, 0]),
        (9, [1, 0, 1, 1, 1, 0]),
    ],
)
def test_attributes_of_each_digit(splits, digit, row):
    data = Digits("attributes")
    assert data.attributes == ("odd", "prime", "above_four", "multiple_of_three", "closed_loop", "straight_strokes")
    assert data.classes == len(data.attributes)
    for name, part in splits.items():
        labels = data.split(name).labels
        assert labels.dtype == np.int64 and (labels[part.labels == digit] == row).all()


def test_no_two_digits_have_the_same_attributes():
    assert len({tuple(digit in having for having in ATTRIBUTES.values()) for digit in range(10)}) == 10


def test_the_task_is_in_the_name_unless_it_is_the_digit(registry):
    for spec in ("digits", "digits[task=parity]", "digits[task=attributes]"):
        assert registry.get("datasets", spec).spec == spec
    assert registry.get("datasets", "digits[task=digit]").spec == "digits"
    assert len({Digits(task).fingerprint() for task in TASKS}) == len(TASKS)
    with pytest.raises(InputError, match=r"digits.*task.*parity"):
        registry.get("datasets", "digits[task=party]")
    with pytest.raises(InputError, match="'party' is unknown; did you mean 'parity'"):
        Digits("party")


def test_an_object_that_was_read_stays_small_to_send(splits):
    data = Digits("attributes")
    data.split("train")
    assert len(pickle.dumps(data)) < 1000 and pickle.loads(pickle.dumps(data)) == data


def test_the_split_is_that_of_scikit_learn_whose_import_it_does_without(splits):
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    labels = load_digits().target
    expected = train_test_split(labels, test_size=0.2, stratify=labels, random_state=0)
    for name, part in zip(("train", "test"), expected, strict=True):
        assert (splits[name].labels == part).all()
    script = "import sys; from simbench_plugins.datasets.digits import Digits; Digits().split('test')"
    done = subprocess.run([sys.executable, "-c", f"{script}; sys.exit('sklearn' in sys.modules)"], check=False)
    assert done.returncode == 0
