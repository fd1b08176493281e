"""A survey of a network: shapes, runs and layouts of all modules, and which of them are cuts."""

import pytest
import torch
from cut_networks import IMAGES, Block
from small_tokens import Tokens
from torch import nn

from simbench import InputError
from simbench.cutting import Cutter, Layer, default_layers, survey, surveyed


class Twice(nn.Module):
    """A block whose ReLU runs twice, with a module that does not run and one that gives several tensors."""

    def __init__(self):
        super().__init__()
        self.relu, self.spare, self.lstm = nn.ReLU(), nn.Linear(2, 2), nn.LSTM(6, 3, batch_first=True)
        self.again = self.relu

    def forward(self, x):
        x = self.relu(self.relu(x) - 1)
        return self.lstm(x)[0]


ROW = nn.Sequential()
ROW.add_module("conv", nn.Conv2d(3, 4, 3))
ROW.add_module("norm", nn.BatchNorm2d(4))
ROW.add_module("body", nn.Sequential(nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
ROW.add_module("fc", nn.Linear(4, 2))
X = torch.randn(2, 3, 8, 8)


def test_every_stage_of_a_sequential_is_an_exact_cut_with_its_shape_and_axes_in_the_order_of_running():
    found = {layer.name: layer for layer in survey(ROW, X)}
    assert found["conv"] == Layer("conv", "Conv2d", 1, (4, 6, 6), "nchw", "sequential", "")
    assert found["fc"].shape == (2,) and found["fc"].layout == "nc"
    assert list(found) == ["conv", "norm", "body.0", "body.1", "body.2", "body", "fc"]
    assert {layer.cut for layer in found.values()} == {"exact"}


def test_what_cannot_be_read_is_named_with_the_reason():
    net = nn.Sequential(nn.Linear(5, 6), Twice())
    found = {layer.name: (layer.cut, layer.reason) for layer in survey(net, torch.randn(2, 4, 5))}
    assert found["1.relu"] == ("none", "is one module that occurs as 1.relu and 1.again")
    assert found["1.spare"] == ("none", "does not run as a module when the network does")
    assert found["1.lstm"] == ("none", "gives 3 tensors")
    assert found["1"] == ("exact", "")


def test_other_layers_can_be_read_where_the_network_cannot_be_cut():
    found = {layer.name: (layer.engine, layer.reason) for layer in survey(Block(4), IMAGES)}
    assert found["inner"] == ("hook", "is bypassed through 'stem'")
    assert found["stem"] == found["two"] == ("fx", "")


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_the_parts_of_a_script_module_have_a_reason():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.scripted = torch.jit.script(nn.Sequential(nn.Linear(3, 3), nn.ReLU()))
            self.head = nn.Linear(3, 2)

        def forward(self, x):
            return self.head(self.scripted(x))

    found = {layer.name: (layer.cut, layer.reason) for layer in survey(Holder(), torch.randn(2, 3))}
    assert found["head"] == ("exact", "")
    assert found["scripted"] == ("none", "is a ScriptModule, whose output no hook can read")
    with pytest.raises(InputError, match="the network is a ScriptModule, whose layers cannot be read"):
        survey(Holder().scripted, torch.randn(2, 3))
    assert found["scripted.0"] == ("none", "is part of the ScriptModule 'scripted', whose parts cannot be read")


def test_default_layers_are_the_ends_of_stages_and_the_outputs_of_blocks():
    def stage(blocks):
        return nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(blocks)))

    net = nn.Sequential()
    for name, part in (("stem", nn.Linear(4, 4)), ("one", stage(2)), ("two", stage(3)), ("fc", nn.Linear(4, 2))):
        net.add_module(name, part)
    assert default_layers(survey(net, torch.randn(2, 4))) == ["one.0", "one", "two.0", "two.1", "two"]
    assert default_layers(survey(Block(4), IMAGES)) == ["stem", "two", "act", "head"]


class Stage(nn.Module):
    """A stage that is no nn.Sequential: its blocks, and what follows them."""

    def __init__(self, blocks, act=None):
        super().__init__()
        self.blocks = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.ReLU()) for _ in range(blocks)))
        self.act = act

    def forward(self, x):
        x = self.blocks(x)
        return self.act(x) if self.act else x


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_of_layers_that_give_the_same_output_the_outermost_is_a_default_layer(device):
    """Also where the stages are a row themselves, and where nothing has values."""
    with torch.device(device):
        net = nn.Sequential()
        net.add_module("stages", nn.Sequential(Stage(2), Stage(2, torch.sigmoid), Stage(2, torch.Tensor.relu_)))
        net.add_module("fc", nn.Linear(4, 2))
        found = survey(net, torch.randn(2, 4), "hook")
    assert {layer.name: layer.closes for layer in found if "." not in layer.name.removeprefix("stages.")} == {
        "stages.0": "stages.0.blocks",
        "stages.1": "",
        "stages.2": "",  # written to in place
        "stages": "stages.2",
        "fc": "",
    }
    assert default_layers(found) == [
        *("stages.0.blocks.0", "stages.0", "stages.1.blocks.0", "stages.1.blocks", "stages.1"),
        *("stages.2.blocks.0", "stages.2.blocks", "stages"),
    ]


def test_the_network_is_as_it_was():
    net = nn.Sequential(nn.BatchNorm1d(3), nn.Dropout())
    before = {name: value.clone() for name, value in net.state_dict().items()}
    survey(net.train(), torch.randn(4, 3))
    assert net.training and all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_inputs_that_it_does_not_take_are_one_line():
    with pytest.raises(InputError, match=r"cannot run on inputs \(2, 5\) of float32"):
        survey(nn.Sequential(nn.Linear(3, 3)), torch.randn(2, 5))


def test_a_survey_without_values_finds_the_same_shapes_and_layouts():
    """On the meta device, where all memory has one address."""
    x = torch.randn(2, 3, 6, 6)
    given = (Tokens(), x), (Tokens().to("meta"), x.to("meta"))
    found = [surveyed(Cutter(*each), "hook") for each in given]
    assert found[0] == found[1] and {"nchw", "ntc", "nc"} <= {layer.layout for layer in found[0]}


def test_activations_of_uncertain_axes_are_unfit():
    (mix,) = (layer for layer in survey(Tokens(), torch.randn(2, 3, 6, 6)) if layer.name == "mix")
    assert mix.unfit.startswith("gives activations of shape (n, 40, 2), whose axes are not certain: give layouts=")


def test_a_network_of_chance_has_a_reason():
    class Random(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.head = nn.Linear(3, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(nn.functional.dropout(self.inner(x)))

    found = {layer.name: layer for layer in survey(Random(), torch.randn(2, 3))}
    assert found["inner"].engine == "hook" and "gives other numbers for 2 inputs" in found["inner"].reason


@pytest.mark.long
def test_a_cutter_holds_no_activations():
    cutter = Cutter(Block(4), IMAGES)
    surveyed(cutter)
    for engine in ("fx", "export"):
        values = [x for held in cutter.analysis(engine).held for x in held.values()]
        assert not any(isinstance(x, torch.Tensor) for x in values)
        assert cutter.cut("two", engine).engine == engine
