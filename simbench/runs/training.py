"""Training the networks that a job lacks, here or on workers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from simbench.contracts.selection import Network, Setting
from simbench.errors import EngineGone, InputError, WorkerLost
from simbench.runs.cases import Cases
from simbench.runs.executors.courier import Courier, Errand
from simbench.runs.job import Job
from simbench.runs.parcels import kept
from simbench.runs.placeholders import UNTRAINED, train, trained_as
from simbench.runs.plan import Part, cases_of
from simbench.runs.progress import Progress
from simbench.system.fatal import Died

#: How often a training is begun again after its worker was lost.
MOST = 3


def trained(job: Job, progress: Progress, courier: Courier | None = None) -> Job:
    """The job with every network trained, and its cases planned with the trained networks. courier: has networks
    trained on workers side by side, whose weights come to the cache of this machine.

    A network whose training kills its process is left out, and named in `lost`; others of its model are then trained in
    a process of their own. Raises InputError for a training that diverged, and where what is left cannot be measured;
    trainings that ended before are cached."""
    if not job.untrained:
        return job
    progress.begin("training networks", job.untrained)
    wanted: dict[tuple, Training] = {}
    for part in job.parts:
        for network in part.untrained:
            setting = part.selection.setting
            wanted.setdefault(trained_as(network, setting), Training(network, setting))
    ready: dict[tuple, Network] = {}
    lost: list[str] = []
    device = job.resolved.request.device
    done = _here(wanted.values(), device) if courier is None else _there(wanted.values(), device, courier)
    for training, network in done:
        if isinstance(network, Died):
            lost.append(f"{training.what} is left out: its training {network}")
        else:
            ready[training.key] = network
        progress.advance(1, lost[-1] if isinstance(network, Died) else f"{_verb(training)} {training.what}")
    parts = []
    for part in job.parts:
        setting = part.selection.setting

        def made(some: Iterable[Network], setting: Setting = setting) -> Iterator[Network]:
            for network in some:
                if network.weights != UNTRAINED:
                    yield network
                elif found := ready.get(trained_as(network, setting)):
                    yield replace(network, weights=found.weights, file=found.file)

        networks, controls = (tuple(made(some)) for some in (part.selection.networks, part.selection.controls))
        selections = tuple(
            (experiment, replace(selection, networks=networks, controls=controls))
            for experiment, selection in part.selections
        )
        parts.append(Part(selections, _cases(selections, lost)))
    return replace(job, parts=tuple(parts), lost=tuple(lost))


def _cases(selections: tuple, lost: list[str]) -> Cases:
    """The cases of selections. Raises InputError where networks are lost and the others have none."""
    if not lost:
        return cases_of(selections)
    try:
        cases, reason = cases_of(selections), "no case is left"
    except InputError as error:
        cases, reason = Cases.of(()), str(error)
    if not cases:
        raise InputError(f"{lost[0]}; without it, {reason}")
    return cases


@dataclass(frozen=True, eq=False)
class Training:
    """A network to train: a placeholder and the setting that it is wanted for."""

    network: Network
    setting: Setting

    @property
    def key(self) -> tuple:
        return trained_as(self.network, self.setting)

    @property
    def what(self) -> str:
        return f"{self.network.name.partition('@')[0]} on {self.network.home(self.setting).label}"


@dataclass(eq=False)
class Sent(Errand):
    """A training on its way to a worker. losses: how many workers it has lost."""

    training: Training = None
    losses: int = 0


def _verb(training: Training) -> str:
    return "fetched" if training.network.model.published() else "trained"


def _here(wanted: Iterable[Training], device: str) -> Iterator[tuple[Training, Network | Died]]:
    deadly: set[str] = set()
    for training in wanted:
        model = training.network.model.spec
        made: Network | Died
        try:
            made = train(training.network, training.setting, device, wary=model in deadly)
        except Died as died:
            made = died
            deadly.add(model)
        yield training, made


def _there(wanted: Iterable[Training], device: str, courier: Courier) -> Iterator[tuple[Training, Network | Died]]:
    """Published weights are fetched here. What a training raised is raised when all others have ended."""
    wanted = list(wanted)
    published = [training for training in wanted if training.network.model.published()]
    yield from _here(published, device)
    failures: dict[int, Exception] = {}
    errands = [_errand(training, device) for training in wanted if training not in published]
    order = {errand.training: place for place, errand in enumerate(errands)}
    for errand, _, answer in courier.answers(errands):
        if isinstance(answer, WorkerLost) and errand.losses < MOST:
            errand.losses += 1
            courier.say(f"lost: training of {errand.what}: {answer}; it is begun again")
            courier.again(errand)
        elif isinstance(answer, Exception):
            failures[order[errand.training]] = answer
        else:
            yield errand.training, kept(errand.training.network, errand.training.setting, answer)
    if failures:
        first = failures[min(failures)]
        lost = isinstance(first, WorkerLost)
        raise EngineGone(f"training lost {MOST + 1} workers, at last {first}") if lost else first


def _errand(training: Training, device: str) -> Sent:
    return Sent(
        training.what,
        "",
        1.0,
        lambda depot: depot.pack_training(training.network, training.setting, device),
        training=training,
    )
