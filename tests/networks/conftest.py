"""A data set and a model that train in a fraction of a second."""

import pytest


@pytest.fixture
def dataset(small_registry):
    return small_registry.get("datasets", "blobs")


@pytest.fixture
def model(small_registry):
    return small_registry.get("models", "net")
