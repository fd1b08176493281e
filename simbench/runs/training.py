"""Training the networks that a job lacks."""

from __future__ import annotations

from dataclasses import replace

from simbench.contracts.case import Case
from simbench.contracts.selection import Network, Setting
from simbench.errors import InputError
from simbench.runs.job import Job
from simbench.runs.placeholders import UNTRAINED, train, trained_as
from simbench.runs.plan import Part, cases_of
from simbench.runs.progress import Progress
from simbench.system.fatal import Died


def trained(job: Job, progress: Progress) -> Job:
    """The job with every network trained, and its cases planned with the trained networks.

    A network whose training kills its process is left out, and named in `lost`; others of its model are then trained in
    a process of their own. Raises InputError where what is left
    cannot be measured."""
    if not job.untrained:
        return job
    progress.begin("training networks", job.untrained)
    ready: dict[tuple, Network | None] = {}
    lost: list[str] = []
    deadly: set[str] = set()
    parts = []
    for part in job.parts:
        setting = part.selection.setting

        def made(network: Network, setting: Setting = setting) -> Network | None:
            if network.weights != UNTRAINED:
                return network
            key = trained_as(network, setting)
            named = f"{network.name.partition('@')[0]} on {network.home(setting).label}"
            if key not in ready:
                try:
                    ready[key] = train(network, setting, job.resolved.request.device, network.model.spec in deadly)
                    progress.advance(1, f"trained {named}")
                except Died as died:
                    ready[key] = None
                    deadly.add(network.model.spec)
                    lost.append(f"{named} is left out: its training {died}")
                    progress.advance(1, lost[-1])
            done = ready[key]
            return done and replace(network, weights=done.weights, file=done.file)

        networks, controls = (
            tuple(filter(None, map(made, some))) for some in (part.selection.networks, part.selection.controls)
        )
        selections = tuple(
            (experiment, replace(selection, networks=networks, controls=controls))
            for experiment, selection in part.selections
        )
        parts.append(Part(selections, _cases(selections, lost)))
    return replace(job, parts=tuple(parts), lost=tuple(lost))


def _cases(selections: tuple, lost: list[str]) -> tuple[Case, ...]:
    """The cases of selections. Raises InputError where networks are lost and the others have none."""
    if not lost:
        return cases_of(selections)
    try:
        cases, reason = cases_of(selections), "no case is left"
    except InputError as error:
        cases, reason = (), str(error)
    if not cases:
        raise InputError(f"{lost[0]}; without it, {reason}")
    return cases
