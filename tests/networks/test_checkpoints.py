"""What a checkpoint may hold: finite numbers of the model's own kind, of any precision; all else is one line."""

import zipfile
from collections import OrderedDict

import pytest
import torch
from torch import nn

from simbench.contracts import Model
from simbench.errors import InputError
from simbench.networks import weights
from simbench.networks.checkpoints import content_hash

FORMATS = ["pt", "safetensors"]


@pytest.fixture
def dataset(small_registry):
    return small_registry.get("datasets", "blobs")


@pytest.fixture
def model(small_registry):
    return small_registry.get("models", "net")


@pytest.fixture(params=FORMATS)
def save(request, tmp_path):
    """save(state, name): the file, in each format."""

    def save(state, name="x"):
        if request.param == "safetensors" and any(value.dtype == torch.complex128 for value in state.values()):
            pytest.skip("safetensors has no complex128")
        file = tmp_path / f"{name}.{request.param}"
        if request.param == "pt":
            torch.save(state, file)
        else:
            pytest.importorskip("safetensors.torch", reason="safetensors is an optional extra").save_file(state, file)
        return file

    return save


def state(model, seed: int = 0) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = model.build(1, 3)
        return {
            name: value + torch.rand(value.shape) if value.is_floating_point() else value + 7
            for name, value in net.state_dict().items()
        }


def with_(value, at):
    """A tensor with one other value."""

    def change(whole):
        whole = whole.clone()
        whole.view(-1)[at] = value
        return whole

    return change


NOT_FINITE = "holds NaN or infinite values; finite ones are allowed"
FLOATS = "allowed where the model has float32: float16, bfloat16, float32 and float64"
#: what stands for the float32 weight of a batch norm -> why it is refused.
REFUSED = {
    "complex": (lambda x: x.to(torch.complex64), f"is complex64; {FLOATS}"),
    "complex of double precision": (lambda x: x.to(torch.complex128), "is complex128"),
    "int8": (lambda x: torch.zeros_like(x, dtype=torch.int8), f"is int8; {FLOATS}"),
    "int64": (lambda x: x.long(), "is int64"),
    "uint8": (lambda x: x.to(torch.uint8), "is uint8"),
    "bool": (lambda x: x.bool(), "is bool"),
    "float8": (lambda x: x.to(torch.float8_e4m3fn), "is float8_e4m3fn"),
    "NaN": (with_(float("nan"), -1), NOT_FINITE),
    "infinite": (with_(float("inf"), 0), NOT_FINITE),
    "minus infinite": (with_(-float("inf"), 1), NOT_FINITE),
    "NaN of half precision": (lambda x: with_(float("nan"), 2)(x.half()), NOT_FINITE),
    "NaN of bfloat16": (lambda x: with_(float("nan"), 2)(x.bfloat16()), NOT_FINITE),
    "more than float32 holds": (lambda x: with_(1e300, 2)(x.double()), "beyond the largest float32"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_tensor_of_another_kind_is_refused_and_the_first_in_the_model_s_order_named(
    model, dataset, cache, save, what
):
    change, message = REFUSED[what]
    given = state(model)
    for name in ("fc.weight", "bn1.weight", "conv2.bias"):
        given[name] = change(given[name])
    with pytest.raises(InputError, match="x.(pt|safetensors)': bn1.weight ") as caught:
        weights.load(weights.checkpoint(model, save(given)), dataset)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda x: x.float(), "is float32; allowed where the model has int64: whole numbers"),
        (lambda x: x.bool(), "is bool"),
        (lambda x: x.to(torch.complex64), "is complex64"),
    ],
)
def test_a_counter_is_a_whole_number(model, dataset, cache, save, change, message):
    given = state(model)
    given["bn1.num_batches_tracked"] = change(given["bn1.num_batches_tracked"])
    with pytest.raises(InputError, match="bn1.num_batches_tracked") as caught:
        weights.load(weights.checkpoint(model, save(given)), dataset)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "what, change",
    [
        ("sparse", lambda x: x.to_sparse()),
        ("sparse", lambda x: x.view(1, -1).to_sparse_csr()),
        ("meta", lambda x: x.to("meta")),
        ("quantised", lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8)),
    ],
)
@pytest.mark.filterwarnings("ignore")  # torch's own: these formats are young, or on their way out
def test_tensors_without_plain_values_are_refused(model, cache, tmp_path, what, change):
    """safetensors cannot hold them."""
    given = state(model)
    given["bn1.weight"] = change(given["bn1.weight"])
    torch.save(given, tmp_path / "x.pt")
    with pytest.raises(InputError) as caught:
        weights.checkpoint(model, tmp_path / "x.pt")
    message = str(caught.value)
    assert "\n" not in message and (("bn1.weight is" in message and what in message) or "cannot be read" in message)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_other_precisions_are_taken_by_value(model, dataset, cache, save, dtype):
    given = {name: value.to(dtype) if value.is_floating_point() else value for name, value in state(model).items()}
    loaded = weights.load(weights.checkpoint(model, save(given)), dataset).state_dict()
    for name, value in given.items():
        assert torch.equal(loaded[name], value.float() if value.is_floating_point() else value)
        assert loaded[name].dtype in (torch.float32, torch.int64)


def test_the_hash_is_what_it_was_and_knows_bfloat16():
    """The literal is of the records that are published; views and conjugates count by value."""
    plain = {"a": torch.arange(6, dtype=torch.float32).view(2, 3), "n": torch.tensor(3)}
    assert content_hash(plain) == "978dd86b8e201d1a0e0a273fae1c23d39e8b4a6681e7ffd73c27a50ab62d8e3f"
    turned = {"n": torch.tensor(3), "a": torch.arange(6, dtype=torch.float32).view(2, 3).T.contiguous().T}
    assert content_hash(turned) == content_hash(plain)
    a, b = torch.tensor([1.0, 2.0]).bfloat16(), torch.tensor([1.0, 2.015625]).bfloat16()
    assert len({content_hash({"a": x}) for x in (a, b, a.float(), a.half())}) == 4
    z = torch.tensor([1 + 2j])
    assert content_hash({"z": z.conj()}) == content_hash({"z": torch.tensor([1 - 2j])}) != content_hash({"z": z})


class Masked(Model):
    """A model whose state holds an infinite mask, as attention does."""

    name, source = "masked", "this test"

    def build(self, channels, classes):
        mask = nn.Module()
        mask.forward = lambda x: x
        mask.register_buffer("mask", torch.tensor([0.0, -float("inf")]))
        return nn.Sequential(OrderedDict(flatten=nn.Flatten(), mask=mask, fc=nn.Linear(64, classes)))


def test_an_infinite_mask_that_a_new_network_has_is_no_damage(dataset, cache, save):
    given = {name: value.clone() for name, value in Masked().build(1, 3).state_dict().items()}
    weights.load(weights.checkpoint(Masked(), save(given)), dataset)
    given["mask.mask"][0] = -float("inf")
    with pytest.raises(InputError, match="mask.mask holds NaN or infinite"):
        weights.load(weights.checkpoint(Masked(), save(given, "y")), dataset)


def test_a_flipped_byte_in_the_values_of_a_zip_is_damage(model, cache, tmp_path):
    """torch.load takes it; the archive's own checksum does not fit."""
    given = state(model)
    torch.save(given, tmp_path / "x.pt")
    content = bytearray((tmp_path / "x.pt").read_bytes())
    at = content.index(given["conv2.weight"].numpy().tobytes()[:64]) + 17
    content[at] ^= 4
    (tmp_path / "x.pt").write_bytes(content)
    assert torch.load(tmp_path / "x.pt", weights_only=True).keys() == given.keys()
    with pytest.raises(InputError, match=r"'.*x.pt' is damaged: .*/data/\d+ does not match its checksum; give"):
        weights.checkpoint(model, tmp_path / "x.pt")


def test_no_flipped_byte_changes_a_number_without_a_word(model, cache, tmp_path):
    """Every 97th byte of the file: it is refused in one line, or the tensors are what they were."""
    given = state(model)
    torch.save(given, tmp_path / "x.pt")
    whole, known, refused = (tmp_path / "x.pt").read_bytes(), content_hash(given), 0
    for at in range(0, len(whole), 97):
        (tmp_path / "x.pt").write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        try:
            assert weights.checkpoint(model, tmp_path / "x.pt").weights == known
        except InputError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20


def test_a_zip_of_something_else_is_one_line(model, cache, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as out:
        out.writestr("notes.txt", "hello")
    with pytest.raises(InputError, match="cannot be read as a state dict"):
        weights.checkpoint(model, tmp_path / "x.pt")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text, known: text.replace(known, "0" * 64),
        lambda text, known: text.replace(known, "x"),
        lambda text, known: text.replace(f'"{known}"', "[1]"),
        lambda text, known: "",
        lambda text, known: "[]",
    ],
)
def test_what_is_remembered_of_a_checkpoint_is_verified(model, cache, tmp_path, spoil):
    torch.save(state(model), tmp_path / "x.pt")
    network = weights.checkpoint(model, tmp_path / "x.pt")
    (memory,) = (cache / "checkpoints").iterdir()
    memory.write_text(spoil(memory.read_text(), network.weights))
    assert weights.checkpoint(model, tmp_path / "x.pt") == network


def test_what_is_remembered_of_another_checkpoint_is_not_taken(model, cache, tmp_path):
    torch.save(state(model), tmp_path / "x.pt")
    torch.save(state(model, 1), tmp_path / "y.pt")
    x = weights.checkpoint(model, tmp_path / "x.pt")
    (memory,) = (cache / "checkpoints").iterdir()
    y = weights.checkpoint(model, tmp_path / "y.pt")
    (other,) = set((cache / "checkpoints").iterdir()) - {memory}
    other.write_bytes(memory.read_bytes())
    assert weights.checkpoint(model, tmp_path / "y.pt") == y and y.weights != x.weights
