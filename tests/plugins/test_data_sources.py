"""Sources of data: files of arrays, folders of images, and what `datasets` saved on disk."""

from dataclasses import replace

import numpy as np
import pytest

import simbench
from simbench import InputError
from simbench.runs.chosen import select

REGISTRY = simbench.load()
X = np.random.default_rng(0).integers(0, 256, (12, 3, 4, 4), dtype=np.uint8)
Y = np.arange(12) % 3


def data(spec):
    return REGISTRY.get("datasets", spec)


@pytest.mark.parametrize("names", [("x_train", "y_train", "x_test", "y_test"), ("x", "y", "xe", "ye")])
def test_arrays_of_customary_names_are_both_splits(names, tmp_path):
    np.savez(tmp_path / "a.npz", **dict(zip(names, (X, Y, X[:5], Y[:5]), strict=True)))
    found = data(f"arrays:{tmp_path / 'a.npz'}")
    assert found.label == "a" and (found.channels, found.classes, found.mean) == (3, 3, (0.0,) * 3)
    assert np.array_equal(found.split("train").inputs, X) and np.array_equal(found.split("test").labels, Y[:5])
    assert found.fingerprint() != data(f"arrays:{tmp_path / 'a.npz'}[centre=0.5+0.5+0.5,spread=1+1+1]").fingerprint()


def test_ids_in_a_file_are_masked(tmp_path):
    ids, mask = np.arange(12).reshape(3, 4), np.array([[1, 1, 1, 0]] * 3)
    np.savez(tmp_path / "t.npz", input_ids=ids, attention_mask=mask, labels=np.array([0, 1, 1]))
    found = data(f"arrays:{tmp_path / 't.npz'}[ids=30]")
    rows = np.concatenate([found.split(name).inputs for name in ("train", "test")])
    assert found.vocabulary == 30 and (rows[:, 3] == -1).all() and (rows[:, :3] >= 0).all()


@pytest.mark.parametrize(("numbers", "words"), [(Y / 2, ""), (Y * 1.0, "[targets=numbers]")], ids=["auto", "stated"])
def test_float_targets_are_numbers_to_predict(numbers, words, tmp_path):
    np.savez(tmp_path / "r.npz", x_train=X, y_train=numbers, x_test=X[:5], y_test=numbers[:5])
    found = data(f"arrays:{tmp_path / 'r.npz'}{words}")
    assert found.regression and found.classes == 1 and not found.attributes
    assert found.split("train").labels.dtype == np.float32
    assert np.array_equal(found.split("test").labels[:, 0], numbers[:5].astype(np.float32))
    assert ("targets" in found.params) == bool(words)


def test_whole_floats_are_classes_unless_it_is_said(tmp_path):
    np.savez(tmp_path / "c.npz", x=X, y=Y * 1.0)
    found = data(f"arrays:{tmp_path / 'c.npz'}")
    assert not found.regression and found.classes == 3 and found.split("train").labels.dtype == np.int64


def test_a_text_is_no_file_of_arrays(tmp_path):
    (tmp_path / "a.npz").write_text("hello")
    with pytest.raises(InputError, match=r"cannot be read \(it is no \.npz file\); give a \.npz file of plain arrays"):
        data(f"arrays:{tmp_path / 'a.npz'}").prepare()


@pytest.mark.parametrize(
    ("held", "told"),
    [
        ({"a": X}, "holds a; wanted are x_train"),
        ({"x_train": X, "y_train": Y, "x_test": X}, "holds one of x_test and y_test"),
        ({"x": np.array([{}], dtype=object), "y": Y}, "cannot be read (ValueError"),
    ],
)
def test_a_file_that_holds_something_else_is_one_line(held, told, tmp_path):
    np.savez(tmp_path / "a.npz", **held)
    with pytest.raises(InputError) as caught:
        data(f"arrays:{tmp_path / 'a.npz'}").prepare()
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_imagefolder_with_a_colon_is_imagefolder_with_a_path(tmp_path):
    assert data(f"imagefolder:{tmp_path}[size=8]") == data(f"imagefolder[path={tmp_path},size=8]")


@pytest.fixture
def saved(tmp_path):
    """saved(columns): the spec of a data set that `datasets` has saved."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()

    def save(columns):
        datasets.DatasetDict(train=datasets.Dataset.from_dict(columns)).save_to_disk(tmp_path / "d")
        return f"hf:{tmp_path / 'd'}"

    return save


def test_images_on_disk_are_those_that_were_saved(saved):
    from PIL import Image

    spec = saved({"image": [Image.fromarray(x.transpose(1, 2, 0)) for x in X], "label": list(Y)})
    rows = np.concatenate([data(spec).split(name).inputs for name in ("train", "test")])
    assert {x.tobytes() for x in rows} == {x.tobytes() for x in X}


def test_ids_on_disk_have_minus_one_behind_short_rows(saved):
    spec = saved({"input_ids": [[1, 2], [3, 4, 5]] * 5, "attention_mask": [[1, 1], [1, 1, 1]] * 5, "label": [0, 1] * 5})
    rows = data(spec).split("train").inputs
    assert {tuple(row) for row in rows} == {(1, 2, -1), (3, 4, 5)}


def test_text_without_a_tokeniser_says_what_to_give(saved):
    with pytest.raises(InputError, match=r"holds text; give hf:.*\[tokenizer=NAME\]"):
        data(saved({"text": ["a", "b"], "label": [0, 1]})).prepare()


def test_data_of_a_source_are_selected_by_their_name_as_objects_or_text(tmp_path):
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X[:5], y_test=Y[:5])
    name = f"arrays:{tmp_path / 'a.npz'}"
    assert select(REGISTRY, "datasets", [name, data(name)]) == (data(name),)
    with pytest.raises(InputError, match="a printable word"):
        select(REGISTRY, "datasets", [replace(data(name), path="a\n.npz")])
