"""The fingerprint of a published data set, and the object that was read."""

import os
import pickle
import shutil
import subprocess
import sys

import pytest
from published_by_hand import every, spec, unpacked_by_hand
from simbench_plugins.datasets import published as published_module
from simbench_plugins.datasets.cifar import Cifar10, Cifar100
from small_publications import publish

from simbench import Dataset


@every
def test_a_known_fingerprint_is_told_without_torch_or_the_images(data, published, cache):
    unpacked_by_hand(data, published, cache)
    value = data.fingerprint()
    code = (
        f"import sys; from {type(data).__module__} import {type(data).__name__} as Data; Data().prepare(); "
        "print(Data().fingerprint(), sorted({'torch', 'torchvision', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=True)
    assert done.stdout == f"{value} []\n"


@pytest.mark.parametrize("data", [Cifar10()], ids=spec)
def test_an_unreadable_sidecar_is_made_anew(data, published, cache):
    unpacked_by_hand(data, published, cache)
    value = data.fingerprint()
    for content in ("", "[]", "{}"):
        (cache / "cifar10.json").write_text(content)
        assert data.fingerprint() == value


@every
def test_fingerprint_is_the_contract_s_and_changes_with_one_pixel(data, published, cache, tmp_path, monkeypatch):
    unpacked_by_hand(data, published, cache)
    first = data.fingerprint()
    assert first == Dataset.fingerprint(data)
    shutil.rmtree(cache)
    published_module._splits.cache_clear()
    unpacked_by_hand(data, publish(data, tmp_path / "brighter", monkeypatch, brighter=1), cache)
    assert data.fingerprint() != first


@pytest.mark.parametrize("data", [Cifar10()], ids=spec)
def test_two_data_sets_in_one_process_are_kept_apart(data, published, cache, tmp_path, monkeypatch):
    other = Cifar100()
    unpacked_by_hand(data, published, cache)
    unpacked_by_hand(other, publish(other, tmp_path / "other", monkeypatch), cache)
    assert data.split("train").labels.max() < 10 <= other.split("train").labels.max()
    assert data.split("train").labels.max() < 10


@every
def test_an_object_that_was_read_stays_small_to_send(data, published, cache):
    unpacked_by_hand(data, published, cache)
    data.split("train")
    assert len(pickle.dumps(data)) < 1000 and pickle.loads(pickle.dumps(data)) == data
