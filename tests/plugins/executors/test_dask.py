"""A future of the workers of a Dask cluster ends, whatever becomes of its task."""

from __future__ import annotations

import time
from concurrent.futures import wait

import pytest

pytest.importorskip("distributed")

from distributed import Client, KilledWorker
from simbench_plugins.executors.dask_cluster import Cluster

from simbench import Need, WorkerLost


@pytest.fixture(scope="module")
def workers():
    """One worker, in a thread of this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        yield Cluster(client, "of this test", Need(1, threads=1), {})


def outcome(workers: Cluster, future):
    assert wait([future], 30).done, "it does not end"
    return workers.result(future)


def test_what_a_task_returns_and_raises_comes_back(workers):
    assert outcome(workers, workers.submit(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        outcome(workers, workers.submit(divmod, 7, 0))


def test_a_task_whose_worker_dies_before_its_result_is_fetched_is_lost(workers, monkeypatch):
    """Its key was finished, then its worker was killed; who fetches it learns of that."""
    (address,) = workers.slots

    async def gone(*_, **__):
        raise KilledWorker("key", type("", (), {"address": address})(), 0)

    monkeypatch.setattr(workers.client, "_gather", gone)
    with pytest.raises(WorkerLost, match="its process died") as lost:
        outcome(workers, workers.submit(divmod, 7, 2, to=address))
    assert lost.value.worker == address


def test_a_cancelled_future_is_lost_and_cancels_its_task(workers):
    future = workers.submit(time.sleep, 1.0)
    waiting = workers.submit(divmod, 7, 2)
    assert waiting.cancel()
    with pytest.raises(WorkerLost, match="it left the cluster"):
        outcome(workers, waiting)
    assert outcome(workers, future) is None
