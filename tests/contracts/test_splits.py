"""Inputs of any memory, type and range reach the networks by value, and the fingerprint knows them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from given_splits import BOTH, Given, scaled
from small_plugins import Blobs

import simbench
from simbench import Dataset, Split
from simbench.contracts import splits
from simbench.contracts.selection import Setting
from simbench.errors import InputError
from simbench.measuring.activations import Activations
from simbench.networks import weights
from simbench.networks.inputs import augmented, draw, normalised, pixels
from simbench.system.provenance import digest

pytestmark = pytest.mark.usefixtures("here")

# What is taken

LAYOUTS = {
    "as it is": lambda x: x,
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "in Fortran's order": np.asfortranarray,
    "backwards in memory": lambda x: np.ascontiguousarray(x[::-1])[::-1],
    "mirrored in memory": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
    "every other": lambda x: np.repeat(x, 2, 0)[::2],
    "channels last in memory": lambda x: np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1),
}


def read_only(x):
    x.setflags(write=False)
    return x


LAYOUTS["read-only"] = read_only


def seen(data: Dataset) -> torch.Tensor:
    """What a network sees of the test images, by the road of a run."""
    activations = Activations(Setting(data, data.fingerprint(), 100))
    return normalised(activations.inputs("test"), data)


def expected(data: Dataset) -> np.ndarray:
    """The contract's formula, in float64."""
    low, high = data.range or (0, 255)
    x = (np.asarray(data.split("test").inputs, np.float64) - low) / (high - low)
    return (x - np.reshape(data.mean, (-1, 1, 1))) / np.reshape(data.std, (-1, 1, 1))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "said",
    [
        {},
        dict(images=scaled(-3, 5, "float32"), range=(-3, 5)),
        dict(images=scaled(-3, 5, "float64"), range=(-3, 5)),
        dict(images=scaled(0, 2, "float16"), range=(0, 2)),
    ],
    ids=["uint8", "float32", "float64", "float16"],
)
def test_memory_of_any_order_gives_the_same_numbers_and_fingerprint(layout, said):
    made = said.get("images", lambda x: x)
    plain = Given(**said)
    other = Given(
        **said
        | {
            "images": lambda x: LAYOUTS[layout](made(x)),
            "labels": lambda y: y if layout == "channels last in memory" else LAYOUTS[layout](y),
        }
    )
    assert other.fingerprint() == plain.fingerprint()
    assert torch.equal(seen(other), seen(plain))
    assert np.abs(seen(plain).numpy() - expected(plain)).max() < 4 * 2**-24 / min(plain.std)
    for name in BOTH:
        one, same = (splits.read(data, name).labels for data in (plain, other))
        assert np.array_equal(one, same) and same.dtype == np.int64 and same.dtype.isnative
        assert torch.equal(
            draw(splits.read(other, name), 3, 1, other.range)[1], draw(splits.read(plain, name), 3, 1, plain.range)[1]
        )


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i2", "int32", ">i4", "uint32", "int64", ">i8", "uint64"])
def test_labels_of_any_whole_numbers_are_the_same_labels(dtype):
    plain, other = Given(), Given(labels=lambda y: y.astype(dtype))
    assert other.fingerprint() == plain.fingerprint()
    assert splits.read(other, "train").labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_floats_of_deviation_5_4_reach_the_network_with_that_deviation():
    """Standardised floats (mean 0, SD 1.25) in (-8, 8): with mean 1/2 and std 1/16 as they are."""

    class Floats(Given):
        channels, range, mean, std = 2, (-8.0, 8.0), (0.5, 0.5), (1 / 16, 1 / 16)

        def split(self, name):
            x = np.random.default_rng(len(name)).normal(size=(90, 2, 8, 8))
            x = 1.25 * (x - x.mean()) / x.std()
            return Split(x.astype(np.float32), np.arange(90) % 3)

    x = seen(Floats()).double()
    assert float(x.std(correction=0)) == pytest.approx(1.25, abs=1e-6) and float(x.mean()) == pytest.approx(0, abs=1e-6)
    assert np.abs(x.numpy() - Floats().split("test").inputs).max() < 16 * 2**-24 * 2


def test_floats_from_0_to_1_are_the_same_images_as_bytes():
    plain, floats = Given(), Given(images=scaled(0, 1), range=(0, 1))
    assert (seen(plain) - seen(floats)).abs().max() <= 4 * 2**-24 / min(plain.std)
    assert plain.fingerprint() != floats.fingerprint()


def test_training_sees_floats_as_it_sees_bytes(small_registry):
    """Cropped and mirrored too: what is beyond the border is black, which is `low`."""

    class Floats(Blobs):
        range = (-2.0, 6.0)

        def split(self, name):
            part = super().split(name)
            return Split((-2 + 8 * (part.inputs / 255)).astype(np.float32), part.labels.astype(">i4"))

    model = small_registry.get("models", "net")
    recipe = simbench.Recipe(epochs=2, batch=32, learning_rate=0.01, augment=True)
    one, two = (weights.train(model, data, recipe, 0) for data in (Blobs(), Floats()))
    with torch.no_grad():
        x = normalised(torch.from_numpy(Blobs().split("test").inputs), Blobs())
        assert (one(x) - two(x)).abs().max() < 1e-4 < one(x).std()


def test_padding_of_floats_is_black():
    white = pixels(np.full((200, 1, 8, 8), 6.0), (-2, 6))
    moved = augmented(white, torch.Generator().manual_seed(0))
    assert moved.dtype == torch.float32 and set(moved.unique().tolist()) == {0.0, 1.0}


def test_another_data_set_s_floats_go_through_a_network_s_own_mean_and_std():
    """The range is the images', the statistics are the network's."""
    home, other = Given(), Given(images=scaled(-3, 5), range=(-3, 5))
    images = Activations(Setting(other, other.fingerprint(), 100)).inputs("test")
    bytes_ = Activations(Setting(home, home.fingerprint(), 100)).inputs("test")
    assert (normalised(images, home) - normalised(bytes_, home)).abs().max() < 4 * 2**-24 / min(home.std)


def test_normalising_leaves_what_it_is_given():
    for images in (torch.rand(2, 2, 3, 3).contiguous(memory_format=torch.channels_last), torch.rand(2, 2, 3, 3)):
        before = images.clone()
        normalised(images, Given())
        assert torch.equal(images, before)


# Fingerprints


def test_the_fingerprint_of_bytes_is_the_one_it_has_always_been():
    part = [Given().split(name) for name in BOTH]
    arrays = [array for each in part for array in (each.inputs, each.labels)]
    assert Given().fingerprint() == digest(
        [[str(array.shape), digest(array.tobytes())] for array in arrays] + [[0.4, 0.5], [0.2, 0.3]]
    )


def test_the_fingerprint_knows_dtype_and_range():
    def as_floats(dtype):
        """The same bytes, read as floats."""
        return lambda x: np.zeros(x.shape, dtype)

    values = [Given(images=lambda x: x * 0).fingerprint()]
    values += [
        Given(images=as_floats(dtype), range=span).fingerprint()
        for dtype in ("float16", "float32", "float64")
        for span in ((0, 1), (0, 2))
    ]
    assert len(set(values)) == len(values)


def test_a_large_array_is_hashed_and_looked_at_a_block_at_a_time():
    images = Given(images=scaled(0, 1)).split("train").inputs
    assert len(list(splits.blocks(images, 1000))) == 6 and splits.content(images, 1000) == splits.content(images)

    def large(x):
        """NaN stands in the second block."""
        x = np.resize(x / 255, (len(x), 2, 500, 500))
        x[-1, -1, -1, -1] = np.nan
        return x

    assert len(list(splits.blocks(large(images)))) == 2
    with pytest.raises(InputError, match="train images .*nan"):
        Given(images=large, range=(0, 1)).fingerprint()
