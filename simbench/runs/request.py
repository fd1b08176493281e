"""The request: the options of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from simbench.contracts import Network, Plugin
from simbench.errors import unknown
from simbench.runs.declaring import Said, of_all

#: Options that take one or several values.
SEVERAL = ("experiments", "indices", "stitchers", "models", "datasets", "layers", "view", "weights", "networks")


@dataclass(frozen=True)
class Request:
    """The options of `simbench run`. An option that is left out is taken from the preset of each experiment.

    experiments, indices, stitchers, models, datasets: names as typed on the command line, configured plugin objects, or
        several of either. By default, the experiments that declare themselves `default` are run.
    preset: "default" or "paper".
    seeds: of the networks to train: a count (6: seeds 0 to 5) or a list ([0, 3], "0,3").
    pairs: of networks at a layer: "all", or "balanced:K" for K fronts per end (`simbench.Design`).
    panel: the name, file, folder or address of a panel, which gives networks, data, layers and pairs; other options
        choose among them. train: train every network, also those that a panel holds.
    layers, view: names or patterns. weights: checkpoint files to use in place of training.
    networks: trained networks, in place of models, seeds and weights: MODEL@FILE of a checkpoint or MODEL@SEED as
        typed, or `simbench.Network` objects.
    layouts: the meaning of the axes of outputs where it is not known: a layout such as "ntc" for all layers, or a dict
        of layer or pattern -> layout, such as {"blocks.*": "tokens[prefix=1]"}; of the layers of all networks.
    cut: "exact", or "hook": where a layer has no exact cut, stitch into the whole network with one output replaced.
    max_samples: number of images drawn of each split at most. device: "cpu", "cuda" or "cuda:N".
    timeout: seconds that a case may take; cases are then measured in a process of their own.
    memory: limit for activations. threads: number of threads of torch during the run; None does not change it.
    results: folder of records and tables. force: measure cases that are on record, too.

    >>> request = Request(indices="cka,r2_lr", seeds=2, layers=["bn7", "bn8"])
    >>> request.indices, request.seeds, request.layers
    (('cka,r2_lr',), '2', ('bn7', 'bn8'))
    """

    experiments: str | Plugin | Iterable[str | Plugin] = ()
    preset: str = "default"
    indices: str | Plugin | Iterable[str | Plugin] = ()
    stitchers: str | Plugin | Iterable[str | Plugin] = ()
    models: str | Plugin | Iterable[str | Plugin] = ()
    datasets: str | Plugin | Iterable[str | Plugin] = ()
    seeds: int | str | Iterable[int] | None = None
    pairs: str | None = None
    panel: str | Path | None = None
    train: bool = False
    layers: str | Iterable[str] = ()
    view: str | Iterable[str] = ()
    weights: str | Path | Iterable[str | Path] = ()
    networks: str | Network | Iterable[str | Network] = ()
    layouts: str | Mapping[str, str] | Said = ()
    cut: str = "exact"
    max_samples: int | None = None
    device: str = "cpu"
    memory: str = "768MB"
    threads: int | None = None
    timeout: float | None = None
    results: Path | str = Path("simbench-results")
    force: bool = False

    def __post_init__(self) -> None:
        values = {name: _several(getattr(self, name)) for name in SEVERAL}
        values["weights"] = tuple(map(str, values["weights"]))
        values |= {"seeds": _seeds(self.seeds), "results": Path(self.results)}
        values["layouts"] = of_all(self.layouts)
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, **options) -> Request:
        """A request with these options. Raises InputError for an unknown option."""
        known = [field.name for field in fields(cls)]
        for name in options:
            if name not in known:
                raise unknown("option of a run", name, known)
        return cls(**options)


def _several(value) -> tuple:
    return (value,) if isinstance(value, str | Path | Plugin | Network) else tuple(value)


def _seeds(value) -> str | None:
    """Seeds as typed; a trailing comma distinguishes a list of one seed from a count."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    listed = [str(seed) for seed in value]
    return ",".join(listed) + ("," if len(listed) == 1 else "")
