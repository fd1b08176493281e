"""simbench layers: the table, and the same for programs."""

import json


def test_the_layers_of_a_model_are_shown_with_shape_axes_and_cut(call):
    done = call("layers", "tiny10")
    assert done.code == 0
    assert "conv1    Conv2d             1       16 x 32 x 32  nchw      exact" in done.out
    assert done.out.splitlines()[-1].startswith("tiny10, inputs 3 x 32 x 32: ")


def test_programs_get_the_same_as_json_and_csv(call):
    found = json.loads(call("layers", "torchvision:squeezenet1_1", "--size", "64", "--format", "json").out)
    assert {each["name"]: each["shape"] for each in found}["classifier.1"] == [10, 3, 3]
    lines = call("layers", "tiny10", "--exact", "--format", "csv").out.splitlines()
    assert lines[0] == "name,kind,runs,shape,layout,cut,engine,reason"
    assert lines[1] == "conv1,Conv2d,1,16x32x32,nchw,exact,sequential,"


def test_an_unknown_model_and_an_impossible_size_are_one_line(call):
    assert "did you mean 'tiny10'" in call("layers", "tiny1").err
    refused = call("layers", "torchvision:resnet18", "--size", "0")
    assert refused.code == 2 and len(refused.err.splitlines()) == 1


def test_a_layer_that_a_spreadsheet_would_execute_is_text(call, tmp_path):
    code = "import torch\ndef make():\n    net = torch.nn.Sequential()\n"
    code += "    net.add_module('=1+1', torch.nn.Flatten())\n    return net\n"
    (tmp_path / "work" / "nets.py").write_text(code)
    done = call("layers", "nets.py:make", "--size", "8", "--format", "csv")
    assert done.code == 0 and done.out.splitlines()[1].startswith("'=1+1,Flatten,"), done
