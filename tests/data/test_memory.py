"""What users hand over is read once, by value, into both splits; what cannot be read is one line."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from simbench.data.memory import in_memory
from simbench.data.reading import inputs_and_labels
from simbench.errors import InputError
from simbench.networks.inputs import draw, normalised

X = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 5), dtype=np.uint8)
Y = np.arange(20) % 4
TEST = (X[:6], Y[:6])


def tensors():
    return TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))


class Items:
    """A data set without an iterator, of images and plain numbers."""

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return {"pixel_values": X[i], "label": int(Y[i])}


GIVEN = {
    "numpy arrays": lambda: (X, Y),
    "tensors": lambda: (torch.from_numpy(X), torch.from_numpy(Y)),
    "channels last": lambda: (X.transpose(0, 2, 3, 1), Y),
    "a loader": lambda: DataLoader(tensors(), batch_size=7),
    "a dataset": tensors,
    "items that are dicts": Items,
    "a loader of dicts": lambda: DataLoader(Items(), batch_size=7),
    "a generator": lambda: ((X[i : i + 4], Y[i : i + 4]) for i in range(0, 20, 4)),
    "a dict": lambda: {"images": X, "labels": Y},
    "a column of labels": lambda: (X, Y[:, None]),
}


@pytest.mark.parametrize("given", GIVEN)
def test_every_form_gives_the_same_data_set(given):
    data = in_memory(GIVEN[given](), TEST)
    part = data.split("train")
    assert np.array_equal(part.inputs, X) and np.array_equal(part.labels, Y)
    assert data.fingerprint() == in_memory((X, Y), TEST).fingerprint()
    assert (data.channels, data.classes, data.range) == (3, 4, None)


def test_a_shuffling_loader_is_read_once_so_that_rows_stay_paired():
    passes = []

    class Counted(DataLoader):
        def __iter__(self):
            passes.append(1)
            return super().__iter__()

    data = in_memory(Counted(tensors(), batch_size=7, shuffle=True), TEST)
    first, second = data.split("train"), data.split("train")
    assert len(passes) == 1 and first.inputs is second.inputs
    place = {x.tobytes(): y for x, y in zip(X, Y, strict=True)}
    assert [place[x.tobytes()] for x in first.inputs] == list(first.labels)


def test_floats_reach_the_network_as_they_are():
    x = np.random.default_rng(1).standard_normal((20, 3, 4, 5)).astype(np.float32) * 3
    data = in_memory((x, Y), (x, Y))
    drawn, _ = draw(data.split("test"), 100, 0, data.range)
    assert np.allclose(normalised(drawn, data).numpy(), x, atol=1e-5) and data.as_given
    assert not in_memory((X / 255, Y)).as_given, "within [0, 1] they are images"


def test_ids_have_minus_one_where_they_are_masked():
    ids, mask = np.arange(1, 13).reshape(3, 4), np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    batches = [
        {"input_ids": torch.from_numpy(ids[:2]), "attention_mask": torch.from_numpy(mask[:2]), "labels": torch.ones(2)},
        {"input_ids": torch.from_numpy(ids[2:, :2]), "attention_mask": mask[2:, :2], "labels": [0]},
    ]
    data = in_memory(batches, batches)
    expected = np.where(mask.astype(bool), ids, -1)
    assert np.array_equal(data.split("train").inputs, expected)
    assert (data.vocabulary, data.channels, data.classes) == (9 + 1, 10, 2)
    drawn, labels = draw(data.split("train"), 10, 0)
    assert drawn.dtype == torch.int64 and np.array_equal(drawn.numpy(), expected) and labels.tolist() == [1, 1, 0]


def test_labels_may_stand_beside_ids_and_their_mask():
    ids, y = np.arange(12).reshape(4, 3), np.arange(4)
    masks = np.array([[1, 1, 0]] * 4)
    whole = {"input_ids": ids, "attention_mask": masks}
    loader = [({name: x[part] for name, x in whole.items()}, y[part]) for part in (slice(0, 2), slice(2, 4))]
    for given in ((whole, y), loader):
        found = inputs_and_labels(given, "data")
        assert (found[0][:, 2] == -1).all() and (found[0][:, :2] == ids[:, :2]).all() and (found[1] == y).all()
    with pytest.raises(InputError, match="data has labels among its inputs and beside them; give them once"):
        inputs_and_labels((whole | {"labels": y}, y), "data")
    with pytest.raises(InputError, match="data has inputs of shapes"):
        inputs_and_labels((whole, ids[0], y), "data")


def test_without_a_test_split_a_fifth_is_drawn_and_the_rest_is_the_train_split():
    data = in_memory((X, Y))
    parts = [{x.tobytes() for x in data.split(name).inputs} for name in ("train", "test")]
    assert [len(part) for part in parts] == [16, 4] and not parts[0] & parts[1]


def test_numbers_to_predict_are_known_by_their_fractions_or_by_what_is_said():
    numbers = np.stack([Y / 3, 2 - Y / 3], 1)
    found = in_memory((X, numbers), (TEST[0], numbers[:6]))
    assert found.regression and found.classes == 2 and found.attributes == ()
    assert np.array_equal(found.split("train").labels, numbers.astype(np.float32))
    whole = [in_memory((X, Y), TEST, targets=targets) for targets in (None, "classes", "numbers")]
    assert [data.regression for data in whole] == [False, False, True]
    assert whole[0].fingerprint() == whole[1].fingerprint() != whole[2].fingerprint()
    with pytest.raises(InputError, match="targets 'floats' is unknown"):
        in_memory((X, Y), targets="floats")
    with pytest.raises(InputError, match="finite numbers are wanted"):
        in_memory((X, Y / 0.5 + np.where(Y, 0.1, np.nan))).fingerprint()


def test_two_data_sets_in_memory_are_equal_by_content_only():
    assert in_memory((X, Y), TEST) == in_memory((X.copy(), Y), TEST) != in_memory((X, Y[::-1]), TEST)


REFUSED = {
    "no labels": (lambda: torch.from_numpy(X), "a Tensor without labels; give"),
    "unlike lengths": (lambda: (X, Y[:-1]), "20 inputs and 19 labels"),
    "images of unlike sizes": (lambda: [(X, Y), (X[..., :2], Y)], "shapes (3, 4, 2), (3, 4, 5); one shape"),
    "no key of labels": (lambda: {"images": X}, "the keys 'images'"),
    "nothing": (lambda: [], "is empty"),
    "words": (lambda: (np.array(["a", "b"]), Y[:2]), "type <U1; numbers are wanted"),
    "vectors": (lambda: (np.ones((20, 7)), Y), "(16, 7) of float64"),
    "two types": (lambda: (X, Y), "train and test images are float64 and uint8"),
    "a number": (lambda: 3, "is a int; give"),
    "triples": (lambda: [(X, Y, Y)], "items that are tuple"),
}


@pytest.mark.parametrize("given", REFUSED)
def test_what_cannot_be_read_is_one_line(given):
    make, told = REFUSED[given]
    with pytest.raises(InputError) as caught:
        in_memory(make(), (X / 255, Y) if given == "two types" else None)
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda x, y: torch.utils.data.TensorDataset(x, y),
        lambda x, y: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), 3),
        lambda x, y: [(x[:3], y[:3]), (x[3:], y[3:])],
        lambda x, y: [x, y],
        lambda x, y: {"images": x, "labels": y},
    ],
)
def test_items_with_several_labels_are_told_from_batches(make):
    x, y = torch.randn(5, 3, 2, 2), torch.randint(0, 2, (5, 4))
    found = inputs_and_labels(make(x, y), "data")
    assert (found[0] == x.numpy()).all() and (found[1] == y.numpy()).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: torch.utils.data.TensorDataset(x),
        lambda x: torch.utils.data.DataLoader(x, 2),
        lambda x: [x[:2], x[2:4], x[4:]],
        lambda x: {"images": x},
    ],
)
def test_data_may_have_no_labels(make):
    x = torch.randn(5, 3, 2, 2)
    found, labels = inputs_and_labels(make(x), "data")
    assert labels is None and (found == x.numpy()).all()
