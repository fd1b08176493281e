"""Training the networks that a job lacks."""

from __future__ import annotations

from dataclasses import replace

from simbench.contracts.selection import Network
from simbench.runs.job import Job
from simbench.runs.plan import UNTRAINED, Part, cases_of, train, trained_as
from simbench.runs.progress import Progress


def trained(job: Job, progress: Progress) -> Job:
    """The job with every network trained, and its cases planned with the trained networks."""
    if not job.untrained:
        return job
    progress.begin("training networks", job.untrained)
    ready: dict[tuple, Network] = {}
    parts = []
    for part in job.parts:
        setting, networks = part.selection.setting, []
        for network in part.selection.networks:
            if network.weights == UNTRAINED:
                key = trained_as(network, setting)
                if key not in ready:
                    ready[key] = train(network, setting, job.resolved.request.device)
                    progress.advance(1, f"trained {network.name} on {network.home(setting).label}")
                network = replace(network, weights=ready[key].weights, file=ready[key].file)
            networks.append(network)
        selections = tuple(
            (experiment, replace(selection, networks=tuple(networks))) for experiment, selection in part.selections
        )
        parts.append(Part(selections, cases_of(selections)))
    return replace(job, parts=tuple(parts))
