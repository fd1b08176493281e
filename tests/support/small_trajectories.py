"""Short runs of the experiment trajectory."""

from __future__ import annotations

from small_networks import installed

from simbench import Experiment

#: Five batches of 32 images an epoch: ten steps.
SHORT = "every=4,stitcher=task_loss[epochs=2,batch=32,learning_rate=0.02]"
STEPS, LOGGED = list(range(11)), [0, 4, 8, 10]


def get(arguments: str = SHORT) -> Experiment:
    return installed().get("experiments", f"trajectory[{arguments}]" if arguments else "trajectory")
