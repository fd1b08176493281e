"""Training the networks that a job lacks."""

from __future__ import annotations

from dataclasses import replace

from simbench.contracts.selection import Network, Setting
from simbench.runs.job import Job
from simbench.runs.placeholders import UNTRAINED, train, trained_as
from simbench.runs.plan import Part, cases_of
from simbench.runs.progress import Progress


def trained(job: Job, progress: Progress) -> Job:
    """The job with every network trained, and its cases planned with the trained networks."""
    if not job.untrained:
        return job
    progress.begin("training networks", job.untrained)
    ready: dict[tuple, Network] = {}
    parts = []
    for part in job.parts:
        setting = part.selection.setting

        def made(network: Network, setting: Setting = setting) -> Network:
            if network.weights != UNTRAINED:
                return network
            key = trained_as(network, setting)
            if key not in ready:
                ready[key] = train(network, setting, job.resolved.request.device)
                progress.advance(1, f"trained {network.name.partition('@')[0]} on {network.home(setting).label}")
            return replace(network, weights=ready[key].weights, file=ready[key].file)

        networks, controls = (tuple(map(made, some)) for some in (part.selection.networks, part.selection.controls))
        selections = tuple(
            (experiment, replace(selection, networks=networks, controls=controls))
            for experiment, selection in part.selections
        )
        parts.append(Part(selections, cases_of(selections)))
    return replace(job, parts=tuple(parts))
