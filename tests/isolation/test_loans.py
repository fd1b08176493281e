"""A plugin works on copies: what it does to them reaches nobody, and is found out, by whatever road it comes."""

from __future__ import annotations

import copy
from dataclasses import FrozenInstanceError, replace

import pytest
import torch
from paired_rows import correlated
from small_networks import case, installed
from spoilers import Spoilers
from torch import nn

import simbench
from simbench import Affine, Claims, Index, InputError
from simbench.check import checks
from simbench.errors import Spoilt, Undefined
from simbench.isolation.answers import number
from simbench.isolation.copies import handed
from simbench.isolation.loans import Loan, lend
from simbench.measuring.bench import Workbench
from simbench.measuring.measure import measure
from simbench.moments.basis import Basis
from simbench.moments.pair import Moments

A, B = (torch.tensor(x) for x in correlated(60, 5, 7))


class Does(Index):
    """An index that does what it is told to its moments, or to its rows."""

    name, source = "does", "made by the tests"

    def __init__(self, act, answer=0.5):
        self.act, self.answer = act, answer

    def from_moments(self, m):
        self.act(m)
        return torch.tensor(self.answer) if isinstance(self.answer, float) else self.answer


class OnRows(Does):
    from_moments = Index.from_moments

    def from_samples(self, a, b):
        self.act(a)
        return torch.tensor(0.5)


def bits(m: Moments) -> list[bytes]:
    tensors = [m.ab, m.aa, m.bb, m.mean_a, m.mean_b, m.a.whitened.whitening, m.a.principal.values, *m.canonical]
    return [x.numpy().tobytes() for x in tensors]


def zero_basis(m):
    m.a.whitened  # made by the host
    zero = torch.zeros(5, 1, dtype=torch.float64)
    m.a.__dict__["whitened"] = Basis(zero[0], zero, zero)


ROADS = {
    "in place": lambda m: m.ab.zero_(),
    "by data": lambda m: m.aa.data.mul_(2),
    "by numpy": lambda m: m.mean_b.numpy().fill(3),
    "by a view": lambda m: m.bb.mT[0].neg_(),
    "by a sign of zero": lambda m: m.ab.mul_(0).neg_(),
    "shape": lambda m: m.ab.resize_(1, 2),
    "memory": lambda m: m.ab.set_(torch.ones(5, 7, dtype=torch.float64)),
    "dtype": lambda m: setattr(m.ab, "data", m.ab.data.float()),
    "attribute": lambda m: object.__setattr__(m, "ab", m.ab.clone()),
    "attribute never looked at": lambda m: object.__setattr__(m.b, "n", 7),
    "side": lambda m: m.__dict__.update(a=m.b),
    "basis": lambda m: m.a.whitened.whitening.zero_(),
    "principal basis": lambda m: m.b.principal.values.numpy().fill(1),
    "basis replaced": zero_basis,
    "correlations": lambda m: m.correlations.sub_(1),
    "correlations set": lambda m: m.__dict__.update(correlations=torch.ones(5)),
    "variates": lambda m: m.canonical[0].zero_(),
}


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_moments_stay_as_they_are_and_who_changed_their_copy_has_failed(road, warm):
    m, expected = Moments.of(A, B), bits(Moments.of(A, B))
    if warm:
        bits(m)
    with pytest.raises(Spoilt, match=r"index does changed what it was handed \("):
        index = Does(ROADS[road])
        lend(index, index.from_moments, m)
    assert bits(m) == expected
    torch.testing.assert_close(m.correlations, m.canonical[1])


@pytest.mark.parametrize("road", ROADS)
def test_the_kit_finds_every_road(road):
    outcome = {check.name: check for check in checks(Does(ROADS[road]))}["inputs_untouched"].run()
    assert outcome.status == "failed" and "from_moments modifies its input" in outcome.reason


def test_a_stand_in_gives_what_the_moments_give_to_the_last_bit_and_is_made_anew_by_its_methods():
    m, twin = Moments.of(A, B), Loan().copy(Moments.of(A, B))
    assert bits(twin) == bits(m) and isinstance(twin, Moments) and type(twin).__name__ == "Moments"
    affine = Affine(torch.ones(5, 3, dtype=torch.float64), torch.ones(3, dtype=torch.float64))
    for change in (
        lambda m: m.through(affine),
        Moments.swap,
        Moments.uncentred,
        lambda m: m + m,
        copy.deepcopy,
        copy.copy,
        lambda m: replace(m, ab=m.ab * 2),
    ):
        x, y = change(m), change(twin)
        assert torch.equal(x.ab, y.ab) and torch.equal(x.canonical[1], y.canonical[1])
    with pytest.raises(FrozenInstanceError):
        twin.ab = A


def test_what_is_computed_once_is_computed_once_for_all_who_are_handed_the_moments(monkeypatch):
    m, calls = Moments.of(A, B), []
    whole = torch.linalg.eigh
    monkeypatch.setattr(torch.linalg, "eigh", lambda x: calls.append(1) or whole(x))
    index = Does(lambda m: m.a.whitened.whitening)
    for _ in range(3):
        lend(index, index.from_moments, m)
    assert len(calls) == 1


def test_what_is_computed_once_is_computed_in_the_surroundings_of_the_host():
    def spoil(m):
        with torch.inference_mode():
            m.a.whitened

    m = Moments.of(A, B)
    index = Does(spoil)
    lend(index, index.from_moments, m)
    assert not m.a.whitened.whitening.is_inference()


def test_gradients_flow_through_what_is_handed():
    class Trace(Does):
        def from_moments(self, m):
            return m.ab.square().sum() + m.a.whitened.values.sum()

    x, y = A.clone().requires_grad_(), A.clone().requires_grad_()
    index = Trace(None)
    lend(index, index.from_moments, Moments.of(x, B, keep_rows=True)).backward()
    index.from_moments(Moments.of(y, B, keep_rows=True)).backward()
    assert torch.equal(x.grad, y.grad) and bool(x.grad.abs().sum() > 0)


def test_undefined_passes_and_a_change_comes_before_it():
    def undefined(m):
        raise Undefined("noise by noise")

    def both(m):
        m.ab.zero_()
        undefined(m)

    for act, error in ((undefined, Undefined), (both, Spoilt)):
        index = Does(act)
        with pytest.raises(error):
            lend(index, index.from_moments, Moments.of(A, B))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (7.0, "index does returned 7, which is outside its claimed range [0, 1]"),
        (-1e-6, "outside its claimed range"),
        (
            torch.ones(2),
            "returned a Tensor of shape (2,), torch.float32; it must return a 0-dim tensor with a real number",
        ),
        (torch.tensor(0.5j), "torch.complex64"),
        ("half", "returned 'half' (str)"),
        (None, "returned None (NoneType)"),
        (True, "returned True (bool)"),
    ],
    ids=str,
)
def test_what_is_no_number_in_the_claimed_range_is_refused_everywhere(small, answer, said):
    index = Does(lambda m: None, answer)
    with pytest.raises(InputError) as refused:
        simbench.similarity(index, A, B)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    (row,) = measure(case(small, index), Workbench(small)).rows
    assert row.status == "failed" and said in row.note and row.value is None
    net = nn.Sequential(nn.Linear(5, 4), nn.Linear(4, 3))
    found = simbench.similarities([index, installed().get("indices", "cka")], net, net, [A.float()])
    mine = found[found["index"] == "does"]
    assert set(mine["status"]) == {"failed"} and said in mine["note"].iloc[0]
    assert set(found[found["index"] == "cka"]["status"]) == {"ok"}


@pytest.mark.parametrize("value", [1 + 9e-10, -9e-10, 0.0, 1, torch.tensor(0.25, dtype=torch.bfloat16)], ids=str)
def test_rounding_at_the_ends_of_the_range_is_allowed_and_taken_off(value):
    assert number(Does(None), value) == min(max(float(value), 0), 1)


def test_the_rounding_allowed_grows_with_the_bound():
    class Wide(Does):
        claims = Claims(range=(0.0, 1e6))

    assert number(Wide(None), 1e6 + 9e-4) == 1e6
    with pytest.raises(ArithmeticError, match="outside its claimed range"):
        number(Wide(None), 1e6 + 2e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_similarity_leaves_the_arrays_of_its_caller_alone(dtype):
    a, b = A.to(dtype), B.to(dtype)
    before = a.clone(), b.clone()
    for act in (torch.Tensor.zero_, lambda x: x.numpy().fill(2)):
        with pytest.raises(InputError, match=r"index does changed what it was handed \(rows\)"):
            simbench.similarity(OnRows(act), a, b)
        with pytest.raises(InputError, match="index does changed what it was handed"):
            simbench.similarity(OnRows(act), a.numpy(), b.numpy())
    assert torch.equal(a, before[0]) and torch.equal(b, before[1])


class BadBatch(type(simbench.load().get("indices", "cka[estimator=minibatch]"))):
    """Minibatch CKA that writes over the activations."""

    def of_batch(self, x):
        return super().of_batch(x.zero_().add_(1))


@pytest.mark.long
def test_similarities_of_honest_indices_are_those_without_the_spoilers_beside_them():
    torch.manual_seed(0)
    nets = [
        nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Flatten(), nn.Linear(4 * 16, 5))
        for _ in range(2)
    ]
    batches = [torch.randn(40, 3, 8, 8) for _ in range(2)]
    honest = ["cca", "cka", "cka[estimator=minibatch]", "pwcca", "svcca"]
    cka = installed().get("indices", "cka[estimator=minibatch]")
    bad = BadBatch(**{name: getattr(cka, name) for name in cka.params} | {"batch": 16})
    spoilers = [index for index in Spoilers.INDICES if index.needs == "moments"]
    plain = simbench.similarities(honest, *nets, batches, view="pooled")
    beside = simbench.similarities([*spoilers[:3], bad, *honest, *spoilers[3:]], *nets, batches, view="pooled")
    assert beside[beside["index"].isin(plain["index"])].reset_index(drop=True).equals(plain)
    assert (plain["status"] == "ok").any() and not (plain["status"] == "failed").any()
    others = beside[~beside["index"].isin(plain["index"]) & ~beside["index"].isin(["aae_settings", "zze_late"])]
    assert set(others["status"]) <= {"failed", "skipped"} and (others["status"] == "failed").sum() > 100
    assert others["value"].isna().all()


def test_a_number_drawn_from_global_generators_is_a_function_of_the_case(small):
    class Draws(Does):
        def from_moments(self, m):
            return torch.rand(())

    context, values = Workbench(small), []
    for layer in ("bn1", "conv2", "bn1"):
        torch.rand(5)
        values.append(measure(case(small, Draws(None), layer=layer), context).rows[0].value)
    assert values[0] == values[2] != values[1]


def test_arrays_of_a_data_set_that_an_experiment_writes_to_are_its_own(small):
    class Keeping(type(small.setting.dataset)):
        def __init__(self):
            self.kept = {name: super(Keeping, self).split(name) for name in ("train", "test")}

        def split(self, name):
            return self.kept[name]

    data = Keeping()
    before = data.fingerprint()
    one = case(small, installed().get("indices", "cka"))
    one = replace(one, setting=replace(one.setting, dataset=data))
    copied, back = handed(one)
    copied.setting.dataset.split("test").inputs[:] = 0
    copied.setting.dataset.split("train").labels[:] = 0
    assert data.fingerprint() == before and back(copied) is one and back(copied.a) is one.a
    assert back(replace(copied, a=copied.b)) == replace(one, a=one.b)
