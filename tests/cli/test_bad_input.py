"""Input that cannot be used: one line that says what was given and what is allowed, exit 2, nothing written."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch

from simbench.networks import weights


@pytest.fixture(scope="session")
def files(tmp_path_factory, registry) -> Path:
    """Weights files, good ones and others."""
    folder = tmp_path_factory.mktemp("files")
    model = registry.get("models", "tiny10")

    def state(seed: int, channels: int = 1) -> dict:
        torch.manual_seed(seed)
        return model.build(channels, 10).state_dict()

    torch.save(state(0), folder / "a.pt")
    torch.save(state(0), folder / "same.pt")
    torch.save(state(1), folder / "b.pt")
    (folder / "deep").mkdir()
    torch.save(state(2), folder / "deep" / "a.pt")
    torch.save(state(0, channels=3), folder / "colour.pt")
    torch.save({key: value for key, value in state(0).items() if key != "fc.bias"}, folder / "short.pt")
    torch.save([1, 2], folder / "list.pt")
    (folder / "corrupt.pt").write_bytes((folder / "b.pt").read_bytes()[:1000])
    (folder / "half" / "test" / "x").mkdir(parents=True)
    (folder / "file").write_text("")
    return folder


@pytest.fixture
def refused(call, cache, files, monkeypatch):
    """refused(line): the one line on stderr, once it is sure that nothing else happened."""

    def trained(*_):
        raise AssertionError("a network was trained")

    monkeypatch.setattr(weights, "train", trained)

    def refused(line: str) -> str:
        done = call(*shlex.split(line.replace("FILES", str(files))))
        assert done.code == 2, done.err
        assert done.out == "" and done.err.startswith("simbench: ") and done.err.count("\n") == 1
        assert "Traceback" not in done.err
        assert not list(done.folder.iterdir()) and not (cache / "weights").exists()
        return done.err

    return refused


@pytest.mark.parametrize(
    "line, message",
    [
        ("--indices ckaa", "index 'ckaa' is unknown; did you mean 'cka'"),
        ("--stitchers least_square", "stitcher 'least_square' is unknown; did you mean 'least_squares'"),
        ("--models tiny11", "model 'tiny11' is unknown; did you mean 'tiny10'? (simbench list models"),
        ("--datasets digit", "data set 'digit' is unknown; did you mean 'digits'"),
        ("--experiments match", "experiment 'match' is unknown; did you mean 'matching'"),
        ("--view spatal", "view 'spatal' is unknown; did you mean 'spatial'"),
        ("--view all", "view 'all' is unknown; allowed: cls, flat, pooled, spatial, tokens"),
        ("--layers bn9", "layer of tiny10 'bn9' is unknown; did you mean 'bn8'"),
        ("--layers fc", "layer of tiny10 'fc' is unknown; allowed: bn1, "),
        ("--layers bn1,pool", "(only layers between stages can be stitched)"),
        ("--layers 'fc*'", "layer of tiny10 'fc*' is unknown"),
        (
            "--models 'tiny10,tiny10[batch_norm=false]' --layers bn3",
            "--layers names no layer of tiny10[batch_norm=false]",
        ),
        ("--indices 'z*'", "index pattern 'z*' is unknown; allowed: "),
    ],
)
def test_unknown_names(refused, line, message):
    assert message in refused(f"run {line}")


@pytest.mark.parametrize("option", ["indices", "stitchers", "models", "datasets", "experiments", "layers", "view"])
@pytest.mark.parametrize(
    "text, message",
    [
        pytest.param("''", "'' has an empty part", marks=pytest.mark.long),
        ("a,,b", "'a,,b' has an empty part"),
        ("'a[b'", "brackets in 'a[b' do not pair"),
        ("'a]'", "brackets in 'a]'"),
    ],
)
def test_malformed_selections_name_their_option(refused, option, text, message):
    assert f"simbench: --{option}: {message}" in refused(f"run --{option} {text}")


@pytest.mark.parametrize(
    "line, message",
    [
        ("--indices 'svcca[varience=1]'", "parameter of 'svcca' 'varience' is unknown; did you mean 'variance'"),
        ("--indices 'svcca[variance=lots]'", "svcca[variance=...] is 'lots'; allowed: a number"),
        ("--indices 'svcca[variance=2]'", "variance is 2.0; a share above 0 and up to 1 is allowed"),
        ("--indices 'cka[estimator=odd]'", "is 'odd'; allowed: biased, debiased"),
        ("--indices 'pwcca[a=1]'", "'pwcca' takes no parameters; given 'pwcca[a=1]'"),
        ("--indices 'cka[]'", "has nothing between its brackets"),
        ("--indices 'all[kernel=rbf]'", "gives parameters to a pattern"),
        ("--stitchers 'reduced_rank[rank=1.5]'", "is '1.5'; allowed: a whole number"),
        ("--models 'tiny10[batch_norm=yes]'", "is 'yes'; allowed: true or false"),
        ("--models 'tiny10[epochs=0]'", "epochs is 0; a whole number from 1 is allowed"),
        ("--experiments 'cka_penalty[index=cca]'", "invariant to any invertible stitch"),
        ("--experiments 'cka_penalty[index=nope]'", "index 'nope' is unknown; allowed: aligned_cosine, bures, "),
        ("--experiments 'cka_penalty[layer=fc]'", "has no layer 'fc'; allowed: middle, conv1"),
    ],
)
def test_parameters(refused, line, message):
    assert message in refused(f"run {line}")


@pytest.mark.parametrize("seeds", ["0", "-1", "x", "1.5", "''", ",", "0,-3", "1e3"])
def test_seeds_that_are_no_count_and_no_list(refused, seeds):
    given = shlex.split(seeds)[0]
    assert f"--seeds is {given!r}; allowed: a count such as 6, or a list such as 0,3" in refused(f"run --seeds {seeds}")


@pytest.mark.parametrize(
    "seeds, message",
    [("0,0", "a seed stands there twice"), ("4294967296,", "4294967295"), ("1000000000000", "a count up to 10000")],
)
def test_seeds_that_stand_twice_or_are_too_large(refused, seeds, message):
    assert message in refused(f"run --seeds {seeds}")


@pytest.mark.parametrize(
    "line, message",
    [
        ("FILES/none.pt", "none.pt' is not a file; give a state dict"),
        ("FILES", "is not a file"),
        ("FILES/corrupt.pt", "corrupt.pt' cannot be read"),
        ("FILES/list.pt", "list.pt' holds no state dict"),
        (
            "FILES/a.pt,FILES/short.pt",
            "short.pt' does not fit tiny10 on digits (1 channels, 10 classes): lacks fc.bias",
        ),
        ("FILES/colour.pt", "conv1.weight is (16, 3, 3, 3), the model has (16, 1, 3, 3)"),
        ("FILES/a.pt,FILES/deep/a.pt", "two checkpoints are named 'a'"),
        ("FILES/a.pt,FILES/a.pt", "named 'a'"),
        ("FILES/a.pt --weights FILES/same.pt", "hold the same weights; give each network once"),
        ("FILES/a.pt --seeds 2", "--weights and --seeds are both given"),
        ("FILES/a.pt --models 'tiny10,tiny10[padding=valid]'", "--weights is given with 2 models"),
        ("''", "--weights is '', which has an empty part"),
        ("FILES/a.pt,", "which has an empty part"),
    ],
)
@pytest.mark.parametrize("dry", ["", " --dry-run"])
def test_checkpoints(refused, line, message, dry):
    assert message in refused(f"run --weights {line}{dry}")


@pytest.mark.parametrize(
    "line, message",
    [
        ("imagefolder", "imagefolder needs a folder; give imagefolder[path=DIR]"),
        ("'imagefolder[path=FILES/none]'", "there is no folder FILES/none;"),
        ("'imagefolder[path=FILES/half]'", "there is no folder FILES/half/train;"),
        ("'imagefolder[size=0]'", "size is 0; a whole number from 1 is allowed"),
    ],
)
def test_folders_of_images(refused, files, line, message):
    assert message.replace("FILES", str(files)) in refused(f"run --datasets {line}")


def test_cifar10_out_of_reach(refused, monkeypatch):
    def unreachable(*_, **__):
        raise OSError("network is\nunreachable")

    monkeypatch.setattr("torchvision.datasets.cifar.download_and_extract_archive", unreachable)
    line = refused("run --experiments matching --layers bn8 --datasets digits,cifar10")
    assert "cifar10: no usable copy is in " in line and "network is unreachable" in line and "by hand" in line


@pytest.mark.parametrize(
    "line, message",
    [
        ("--results FILES/file", "file is not a folder); give another with --results"),
        ("--results FILES/file/deep", "is not writable"),
        ("--results FILES/file --dry-run", "is not writable"),
        ("--max-samples 15", "--max-samples is 15; at least 16 images are needed"),
        ("--max-samples -5", "--max-samples is -5"),
        ("--max-samples many", "'--max-samples': 'many' is not a valid integer"),
        ("--device nonsense", "--device is 'nonsense'; allowed here: cpu"),
        ("--device meta", "allowed here: cpu"),
        ("--device ''", "--device is ''"),
        ("--device cuda:99", "--device is 'cuda:99'; allowed here: cpu"),
        ("--memory 12", "--memory is '12'; allowed: 1MB or more, such as 512MB or 2GB"),
        ("--threads 0", "'--threads': 0 is not in the range x>=1"),
        ("--threads x", "'--threads': 'x' is not a valid"),
        ("--indices", "Option '--indices' requires an argument. (simbench run --help shows what is allowed)"),
        ("--results", "Option '--results' requires an argument"),
        ("--force=3", "does not take a value"),
        ("--dryrun", "No such option '--dryrun'. Did you mean '--dry-run'?"),
        ("cka", "unexpected extra argument (cka)"),
    ],
)
def test_other_options(refused, line, message):
    assert message in refused(f"run {line}")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_cuda_where_there_is_none(refused):
    assert "--device is 'cuda'; allowed here: cpu (torch finds no CUDA device)" in refused("run --device cuda")


def test_a_results_folder_that_refuses_files(refused, monkeypatch):
    def full(**_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert "is not writable (" in refused("run --results new") and "No space left" in refused("run")


def test_a_cache_folder_that_cannot_be_written(refused, files, monkeypatch):
    monkeypatch.setenv("SIMBENCH_CACHE", str(files / "file"))
    line = refused("run --train --experiments matching --layers bn8 --seeds 2")
    assert "the cache folder" in line and "set SIMBENCH_CACHE to another" in line


@pytest.mark.parametrize(
    "line, message",
    [
        ("rnu", "command 'rnu' is unknown; did you mean 'run'"),
        ("--nope", "No such option '--nope'"),
        ("cache extra", "unexpected extra argument (extra)"),
        ("cache --x", "No such option '--x'"),
    ],
)
def test_commands(refused, line, message):
    assert message in refused(line)


def test_a_variable_that_cannot_be_used(refused, monkeypatch):
    monkeypatch.setenv("SIMBENCH_RUN_THREADS", "x")
    assert "'--threads': 'x' is not a valid" in refused("run")


def test_a_long_message_is_cut_in_its_middle(call):
    done = call("run", "--indices", "x" * 5000)
    assert done.code == 2 and len(done.err) <= len("simbench: \n") + 500
    assert done.err.startswith("simbench: index 'xxx")
    assert done.err.endswith("at most 100 are allowed; give another\n") and done.err.count("\n") == 1
