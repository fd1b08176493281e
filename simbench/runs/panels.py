"""Panels of a request: the one that it names, and those that are installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simbench.contracts import Dataset, Model, Panel, Preset
from simbench.errors import InputError, unknown
from simbench.networks.downloads import addressed, downloaded
from simbench.networks.panels import PanelFile, read_panel
from simbench.registry import Registry
from simbench.runs.request import Request


def opened(text: str, registry: Registry) -> PanelFile:
    """The panel of a name, a file, a folder with one panel file, or an address with its sha256. Raises InputError for
    what is none of them, or cannot be had."""
    if text.startswith(("https://", "http://")):
        address, sha256 = addressed(text)
        return read_panel(downloaded(address, sha256), sha256)
    if text in registry.entries["panels"]:
        return provided(registry.entries["panels"][text].plugin)
    path = Path(text).expanduser()
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        if len(files) != 1:
            raise InputError(f"folder {text!r} holds {len(files)} .safetensors files; give a panel file by its path")
        return read_panel(files[0])
    if path.is_file():
        return read_panel(path)
    raise unknown(
        "panel", text, registry.entries["panels"], "or give a file, a folder, or an address https://...#sha256=..."
    )


def provided(panel: Panel) -> PanelFile:
    """The panel that a package provides. Raises InputError where its file is not the one that the package names."""
    read = read_panel(panel.file or downloaded(panel.address, panel.sha256), panel.sha256)
    if read.label != panel.name:
        raise InputError(f"panel {panel.name!r} is named {read.label!r} in its file {read.file}; make the names agree")
    return read


def panels(request: Request, registry: Registry) -> tuple[PanelFile, ...]:
    """Where the networks of a request are looked for, in this order. None if it asks for training."""
    if request.panel is not None:
        for option, given in (("--train", request.train), ("--weights", request.weights)):
            if given:
                raise InputError(f"--panel and {option} are both given; leave one out")
        return (opened(str(request.panel), registry),)
    if request.train:
        return ()
    provide: list[Panel] = [entry.plugin for entry in registry.entries["panels"].values()]
    return tuple(provided(panel) for panel in provide if panel.file)


def preset_of(panel: PanelFile, preset: Preset) -> Preset:
    """A preset with the networks, data, layers and pairs of a panel."""
    metadata = panel.metadata
    return replace(
        preset,
        models=metadata["model"]["spec"],
        datasets=metadata["data"]["spec"],
        seeds=",".join(map(str, panel.seeds)) + ",",
        layers=",".join(metadata["layers"]),
        max_samples=metadata["limit"],
        pairs=metadata["pairs"],
    )


def check(
    panel: PanelFile,
    models: tuple[Model, ...],
    datasets: tuple[Dataset, ...],
    seeds: tuple[int, ...],
    layers: dict[str, tuple[str, ...]],
) -> None:
    """Raise InputError if a request asks for something that the panel does not hold."""
    metadata = panel.metadata
    for option, asked, held in (
        ("--models", [model.spec for model in models], [metadata["model"]["spec"]]),
        ("--datasets", [dataset.spec for dataset in datasets], [metadata["data"]["spec"]]),
        ("--seeds", seeds, panel.seeds),
        ("--layers", [layer for some in layers.values() for layer in some], metadata["layers"]),
    ):
        lacking = [str(each) for each in asked if each not in held]
        if lacking:
            some = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
            raise InputError(
                f"{option} asks for {some}, which panel {panel.label} does not hold; allowed: "
                f"{', '.join(map(str, held))}"
            )
