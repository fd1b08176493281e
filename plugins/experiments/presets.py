"""Presets that the built-in experiments share: the small default and the training of the paper's authors."""

from __future__ import annotations

from dataclasses import replace

from simbench import Preset

#: Direct matching, and no stitch at all. On digits, task loss is saturated at every layer: it ranks nothing there.
DIRECT = "identity,least_squares,procrustes,reduced_rank"
#: The five indices of Csiszarik et al. 2021.
FIVE = "cca,cka,pwcca,r2_lr,svcca"
#: What every index must beat.
CONTROLS = "depth,random,random_features"
#: Six networks of Tiny-10 on digits, five indices, five stitchers: minutes on two cores.
SMALL = Preset(models="tiny10", datasets="digits", indices=FIVE, stitchers=f"{DIRECT},task_loss")
#: Tiny-10 as the authors of Csiszarik et al. 2021 trained it, on CIFAR-10, all of its images.
PAPER = replace(SMALL, models="tiny10[padding=valid]", datasets="cifar10", max_samples=50_000)
#: Parameters of task_loss or bottleneck, as in the authors' code: 30 epochs of Adam from 1e-3, the rate cut by 10 after
#: each third, images cropped and mirrored.
AUTHORS = "epochs=30,schedule=step,augment=true"
