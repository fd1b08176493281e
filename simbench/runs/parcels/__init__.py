"""Parcels: how work travels to a worker that shares no files with the driver, on any executor.

On the driver, one depot for a run (it keeps what it packs until it is dropped):

    depot = Depot()
    parcel = depot.pack(unit)                                 # Parcel: kilobytes, to be pickled
    parcel = depot.pack_training(network, setting, device)    # the same for a network to train
    size(parcel)                                              # bytes that a worker with nothing is sent

On the worker, in one process after the other or side by side:

    reply = work(parcel, (), measure)     # Done | Missing | Refused

A `Missing` names the contents (weights, arrays, the selection) that the worker's cache lacks. The driver answers once:

    *first, last = depot.supply(missing)  # messages of at most 256 MB; () where all of it is under way already
    deliver(message)                      # on that worker, for each of `first`
    reply = work(parcel, last, measure)   # on that worker

and where `supply` is empty, it submits `work(parcel, (), measure)` again behind the work that brings the contents. A
reply that is `Missing` once more has `again` set, and is answered in the same way. `Refused.lines` says how the
installation of a worker differs; nothing that this worker gives may be taken. Then, on the driver:

    results(unit, reply)                  # list of Measured with the cases of the unit
    kept(network, setting, reply)         # the trained Network, in the driver's cache

`measure`: a function of a Unit that measures it on the worker (`executors.task`: here, or in a process for each case).
`opened(parcel)` is the Unit alone, or Missing. All of these raise InputError for what cannot be sent, by its name, and
for bytes that do not fit their hash. Results are plain data: numbers, texts and numpy arrays.
"""

from simbench.runs.parcels.contents import Piece
from simbench.runs.parcels.depot import Depot, size
from simbench.runs.parcels.installations import difference, installation
from simbench.runs.parcels.opening import opened
from simbench.runs.parcels.references import Done, Missing, Parcel, Refused
from simbench.runs.parcels.working import deliver, kept, results, work

__all__ = [
    "Depot",
    "Done",
    "Missing",
    "Parcel",
    "Piece",
    "Refused",
    "deliver",
    "difference",
    "installation",
    "kept",
    "opened",
    "results",
    "size",
    "work",
]
