"""The stages that a profile of a run shows, by what the run had to do."""

from simbench.system.stopwatch import OTHER

#: Every result was recorded.
RESUMED = {"start-up", "reading data", "planning", "reading records", "deriving tables", "figures", OTHER}

#: Cases were measured on networks that were trained before.
MEASURED = RESUMED | {
    "loading weights",
    "front passes",
    "moments",
    "indices",
    "fitting stitches",
    "evaluating stitches",
    "writing records",
}

#: The command measured them, and wrote the page.
COMMAND = MEASURED | {"page"}

#: Networks were trained, too.
TRAINED = MEASURED | {"training networks"}
