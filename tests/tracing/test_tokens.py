"""Tokens: class tokens and grids by inference, padding by the mask, and what of a layer's output a view takes."""

import pytest
import torch
from torch import nn

import simbench
from simbench import InputError, similarities

IMAGES = torch.randn(12, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Tokens(nn.Module):
    """Patches 2 x 2 of an image as 4 x 4 tokens, after `prefix` constant ones, mixed and classified."""

    def __init__(self, prefix=1, width=6, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.patches = nn.Conv2d(3, width, 2, 2)
        self.leading = nn.Parameter(torch.randn(1, prefix, width))
        self.places = nn.Parameter(torch.randn(1, prefix + 16, width))
        self.norm, self.mix, self.up = nn.LayerNorm(width), nn.Linear(prefix + 16, prefix + 16), nn.Linear(width, 7)
        self.head = nn.Linear(7, 4)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.leading.expand(len(x), -1, -1), x], 1) + self.places
        x = x + self.mix(x.mT).mT
        return self.head(self.up(self.norm(x))[:, 0])


def norm_of(net, x=IMAGES):
    """The output of `norm`, and that of `up`, by hooks."""
    kept = {}
    handles = [
        getattr(net, name).register_forward_hook(lambda m, i, o, name=name: kept.update({name: o.detach()}))
        for name in ("norm", "up", "patches")
    ]
    net.eval()(x)
    for handle in handles:
        handle.remove()
    return kept


@pytest.mark.parametrize("prefix", [0, 1, 3])
def test_tokens_without_class_tokens_pair_with_the_pixels_of_a_map_of_their_grid(prefix):
    a, b = Tokens(prefix), Tokens(1, 5, seed=1)
    found = similarities("cka", a, b, [IMAGES[:5], IMAGES[5:]], ["norm", "patches"], view="tokens")
    found = found.set_index(["layer_a", "layer_b"])["value"]
    left, right = norm_of(a)["norm"][:, prefix:].flatten(0, 1), norm_of(b)["patches"].permute(0, 2, 3, 1).flatten(0, 2)
    assert found["norm", "patches"] == pytest.approx(simbench.similarity("cka", left, right), abs=1e-5)


def test_view_cls_takes_the_first_class_token_and_leaves_out_what_has_none():
    a, b = Tokens(2), Tokens(1, 5, seed=1)
    found = similarities("cka", a, b, [IMAGES], None, ["up"], view="cls")
    found = found[found["status"] != "skipped"].reset_index(drop=True)
    assert list(found["layer_a"]) == ["norm", "up"]
    assert set(found.attrs["left_out"]["a"]) == {"patches", "head"}
    left, right = norm_of(a)["norm"][:, 0], norm_of(b)["up"][:, 0]
    assert found["value"][0] == pytest.approx(simbench.similarity("cka", left, right), abs=1e-5)


class Shifted(Tokens):
    """Constant tokens come last: which tokens are the image's is not known."""

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        return self.head(self.up(self.norm(torch.cat([x, self.leading.expand(len(x), -1, -1)], 1)))[:, 0])


@pytest.mark.parametrize("view", ["tokens", "cls"])
def test_where_class_tokens_are_is_asked_for_and_not_guessed(view):
    with pytest.raises(InputError, match=r"layer 'norm' of a .* not known: give layouts=") as error:
        similarities("cka", Shifted(), Shifted(), [IMAGES], ["norm"], view=view)
    assert "\n" not in str(error.value)
    said = {"norm": "tokens[prefix=2,grid=3x5]"}
    found = similarities("cka", Shifted(), Tokens(seed=1), [IMAGES], ["norm"], layouts=(said, None), view="cls")
    left, right = norm_of(Shifted())["norm"][:, 0], norm_of(Tokens(seed=1))["norm"][:, 0]
    assert found["value"][0] == pytest.approx(simbench.similarity("cka", left, right), abs=1e-5)


class Texts(nn.Module):
    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.words, self.up = nn.Embedding(20, 6), nn.Linear(6, 5)

    def forward(self, input_ids, attention_mask=None):
        return self.up(self.words(input_ids)).mean(1)


@pytest.mark.parametrize("view", ["tokens", "spatial", "pooled"])
def test_padding_is_left_out(view):
    ids = torch.randint(0, 20, (9, 7), generator=torch.Generator().manual_seed(0))
    mask = (torch.arange(7) < torch.tensor([7, 3, 2, 5, 7, 1, 4, 6, 2])[:, None]).long()
    batches = [{"input_ids": ids[at], "attention_mask": mask[at]} for at in (slice(0, 4), slice(4, 9))]
    a, b = Texts(), Texts(1)
    found, other = similarities("cka,jaccard[k=3]", a, b, batches, ["words"], ["up"], view=view)["value"]
    left, right = a.words(ids).detach(), b.up(b.words(ids)).detach()
    if view != "pooled":
        expected = [torch.cat([x[i, : int(m.sum())] for i, m in enumerate(mask)]) for x in (left, right)]
    else:
        expected = [torch.stack([x[i, : int(m.sum())].mean(0) for i, m in enumerate(mask)]) for x in (left, right)]
    assert found == pytest.approx(simbench.similarity("cka", *expected), abs=1e-5)
    assert other == pytest.approx(simbench.similarity("jaccard[k=3]", *expected), abs=1e-5)


class Headed(Texts):
    def __init__(self, seed=0):
        super().__init__(seed)
        self.head = nn.Linear(5, 3)

    def forward(self, input_ids, attention_mask=None):
        return self.head(super().forward(input_ids))


def test_tokens_that_are_no_padding_do_not_pair_with_vectors():
    ids, mask = torch.arange(20).reshape(5, 4), torch.tensor([[1, 1, 1, 0]] * 5)
    batches = [{"input_ids": ids, "attention_mask": mask}]
    found = similarities("cka", Headed(), Headed(1), batches, ["up", "head"], view="spatial")
    assert list(found["status"]) == ["ok", "skipped", "skipped", "ok"]


class Recurrent(nn.Module):
    def __init__(self, kind=nn.LSTM):
        super().__init__()
        torch.manual_seed(0)
        self.rnn, self.head = kind(4, 6, batch_first=True), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_the_one_output_of_a_tuple_is_read(kind):
    net, x = Recurrent(kind), torch.randn(9, 5, 4)
    found = similarities("cka", net, net, [x], ["rnn"])["value"][0]
    assert found == pytest.approx(1, abs=1e-9)
    again = similarities("cka", net, Recurrent(nn.LSTM), [x])
    assert set(again["layer_a"]) == {"rnn", "head"}


@pytest.mark.parametrize(
    "make, x, view",
    [
        (lambda: nn.Sequential(nn.Conv1d(3, 5, 3), nn.BatchNorm1d(5), nn.ReLU()), torch.randn(9, 3, 8), "spatial"),
        (lambda: nn.Sequential(nn.Conv3d(3, 5, 3), nn.ReLU(), nn.MaxPool3d(2)), torch.randn(9, 3, 6, 6, 6), "spatial"),
        (lambda: nn.Sequential(nn.Conv3d(3, 5, 3), nn.ReLU(), nn.MaxPool3d(2)), torch.randn(9, 3, 6, 6, 6), "pooled"),
    ],
)
def test_signals_and_volumes_are_read_at_every_layer(make, x, view):
    a, b = make().eval(), make().eval()
    found = similarities("cka", a, b, [x[:4], x[4:]], view=view).set_index(["layer_a", "layer_b"])
    left, right = a(x).detach(), b(x).detach()
    for_rows = (lambda y: y.movedim(1, -1).flatten(0, -2)) if view == "spatial" else (lambda y: y.flatten(2).mean(2))
    expected = simbench.similarity("cka", for_rows(left), for_rows(right))
    assert len({layer for layer, _ in found.index}) == 3
    assert found.loc[("2", "2"), "value"] == pytest.approx(expected, abs=1e-5)


def test_patterns_name_layers_and_those_that_cannot_be_read_are_left_out():
    net = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten(0, 1), nn.Unflatten(0, (12, 4)), nn.Conv2d(4, 4, 2))
    found = similarities("cka", net, net, [IMAGES], "[0-3]")
    assert set(found["layer_a"]) == {"0", "2", "3"}
    assert found.attrs["left_out"] == {"a": {"1": "gives 48 activations for 12 inputs"}}
    with pytest.raises(InputError, match="layer of a 'block\\*' is unknown"):
        similarities("cka", net, net, [IMAGES], "block*")


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:FutureWarning", "ignore::DeprecationWarning")
def test_what_is_left_out_is_said_once_with_the_reasons(capsys):
    class Reused(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.relu = nn.Conv2d(3, 4, 3), nn.ReLU()
            self.script = torch.jit.script(nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()))
            self.never = nn.Linear(2, 2)

        def forward(self, x):
            return self.relu(self.script(self.relu(self.conv(x))))

    net = Reused()
    reasons = similarities("cka", net, net, [IMAGES]).attrs["left_out"]["a"]
    assert reasons["relu"] == "runs several times in a pass"
    assert reasons["script.0"] == "is a ScriptModule, which runs without calling its modules"
    assert reasons["never"] == "is not called as a module in the forward pass"
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("4 layers of a are left out: ")
    similarities("cka", net, net, [IMAGES], ["conv"])
    assert capsys.readouterr().err == ""


def test_masks_that_differ_are_refused():
    ids = torch.randint(0, 20, (6, 4))

    def batch(mask):
        return lambda given: {"input_ids": given, "attention_mask": mask}

    both = batch(torch.ones(6, 4)), batch(torch.ones(6, 4).tril())
    with pytest.raises(InputError, match="attention_mask of a batch differs"):
        similarities("cka", Texts(), Texts(1), [ids], view="tokens", inputs=both)
