"""Published architectures: the table of their exact cuts, every one of which is made and run."""

from pathlib import Path

import pytest
import torch
from known_networks import HEADER, NAMES, known, surveyed_row
from torch.utils.flop_counter import FlopCounterMode

from simbench.cutting import Cutter, default_layers, surveyed
from simbench.cutting.convention import print_of, tensors_of

TABLE = (Path(__file__).parents[2] / "plugins" / "models" / "README.md").read_text()

pytestmark = pytest.mark.filterwarnings("ignore")


def prints(output):
    return [print_of(x) for x in tensors_of(output)]


def counted(run):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        output = run()
    return prints(output), counter.get_total_flops()


def test_the_table_lists_every_network():
    shown = [line.split("|")[1].strip() for line in TABLE.split(HEADER)[1].split("\n\n")[0].strip().splitlines()]
    assert shown == NAMES


def test_default_layers_of_a_resnet_are_the_outputs_of_its_blocks_and_stages():
    net, inputs = known("torchvision:resnet18")
    layers = surveyed(Cutter(net, inputs[:, :, :32, :32]))
    blocks = ["layer1.0", "layer1", "layer2.0", "layer2", "layer3.0", "layer3", "layer4.0", "layer4"]
    assert default_layers(layers) == blocks and sum(layer.exact for layer in layers) == 18


@pytest.mark.cuts
@pytest.mark.parametrize("name", NAMES)
def test_every_exact_cut_gives_the_network_at_four_inputs_with_its_multiply_adds(name):
    pytest.importorskip(name.replace(":", " ").split()[0])
    row, cutter, layers = surveyed_row(name)
    assert row in TABLE.splitlines(), f"put this into the table of plugins/models/README.md: {row}"
    net, inputs = known(name)
    args, kwargs = ((), inputs) if isinstance(inputs, dict) else ((inputs,), {})
    wanted = counted(lambda: net(*args, **kwargs))
    for layer in layers:
        if layer.exact:
            cut = cutter.cut(layer.name)
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                held = cut.front(*args, **kwargs)
            given = (args, kwargs) if cut.reads_input else ((), {})
            output, above = counted(lambda: cut.end(held, *given[0], **given[1]))
            assert (output, counter.get_total_flops() + above) == wanted, layer.name
