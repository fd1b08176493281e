"""Networks that a request names one by one: MODEL@FILE of a checkpoint, MODEL@SEED, a MODEL that others have published
weights of, or an object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from simbench.contracts import Dataset, Model, Network
from simbench.errors import InputError
from simbench.networks.panels import PanelFile
from simbench.registry import Registry
from simbench.runs.chosen import parts
from simbench.runs.placeholders import checkpoint, network_of, published

ALLOWED = "allowed: MODEL@FILE of a checkpoint, or MODEL@SEED, such as tiny10@0"


@dataclass(frozen=True)
class Named:
    """A network of a model: the seed of its training, the file of its weights, or the network itself. layouts: what the
    user says of its layers, as in `Network.layouts`."""

    model: Model
    origin: int | Path | Network
    layouts: tuple[tuple[str, str], ...] = ()

    def network(self, dataset: Dataset, fingerprint: str, panels: Iterable[PanelFile]) -> Network:
        """The network for a data set, or a placeholder where its seed is not trained yet."""
        found = self._network(dataset, fingerprint, panels)
        return replace(found, layouts=self.layouts) if self.layouts else found

    def _network(self, dataset: Dataset, fingerprint: str, panels: Iterable[PanelFile]) -> Network:
        if isinstance(self.origin, Network):
            return self.origin
        if isinstance(self.origin, Path):
            return checkpoint(self.model, self.origin, dataset)
        home = self.model.published()
        if home and home.classes != dataset.classes:
            return published(self.model, home)
        return network_of(self.model, dataset, fingerprint, self.origin, panels)


def named(given: Iterable[str | Network | Named], registry: Registry) -> tuple[Named, ...]:
    """The networks of `--networks`. Raises InputError for a text that names none, and for anything else."""
    networks = []
    for item in given:
        if isinstance(item, Named):
            networks.append(item)
        elif isinstance(item, Network):
            networks.append(Named(item.model, item))
        elif isinstance(item, str):
            networks += [_typed(text, registry) for text in parts("--networks", (item,))]
        else:
            raise InputError(f"networks hold a {type(item).__name__}; {ALLOWED}, or simbench.Network objects")
    return tuple(networks)


def _typed(text: str, registry: Registry) -> Named:
    model, _, origin = text.partition("@")
    if not model:
        raise InputError(f"network {text!r} has no model; {ALLOWED}")
    known: Any = registry.get("models", model)
    if not origin:
        if "weights" in known.params and not known.published():
            known = replace(known, weights="DEFAULT")
        if known.published():
            return Named(known, 0)
        raise InputError(f"network {text!r} has no weights; {ALLOWED}")
    return Named(known, int(origin) if origin.isascii() and origin.isdecimal() else Path(origin).expanduser())


def each_with_its_own(models: tuple[Model, ...], files: tuple[Path, ...]) -> tuple[Named, ...]:
    """One file for each model, in their order. Raises InputError for another number of files."""
    if len(files) != len(models):
        raise InputError(
            f"--weights is given with {len(models)} models ({', '.join(m.spec for m in models)}) and {len(files)} "
            "file(s); give one file for each model, in their order, or name "
            "every network with --networks MODEL@FILE,MODEL@FILE"
        )
    return tuple(map(Named, models, files))
