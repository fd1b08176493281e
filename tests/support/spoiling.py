"""What plugins may do to whatever they receive, and to the settings of the process."""

from __future__ import annotations

import os
import random
import warnings

import numpy as np
import torch
from torch import nn


def half(*_) -> torch.Tensor:
    return torch.tensor(0.5)


def leave_settings() -> None:
    """What a plugin may change for all that runs after it."""
    torch.set_default_dtype(torch.float16)
    torch.set_num_threads(torch.get_num_threads() + 2)
    torch.set_grad_enabled(False)
    torch.inference_mode().__enter__()
    torch.autocast("cpu").__enter__()
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    torch.backends.mkldnn.set_flags(False)
    nn.modules.module.register_module_forward_hook(lambda module, given, output: output * 2)
    torch.manual_seed(1), np.random.seed(1), random.seed(1)
    np.seterr(all="raise")
    warnings.simplefilter("ignore")
    os.environ["OMP_NUM_THREADS"] = "7"
    os.chdir("/")
    torch.set_default_device("meta")


def reach(x: object, seen: set[int]) -> None:
    """Zero every tensor that attributes lead to."""
    if id(x) in seen:
        return
    seen.add(id(x))
    if isinstance(x, torch.Tensor):
        x.data.zero_()
    elif isinstance(x, nn.Module):
        reach(list(x.parameters()), seen)
    elif isinstance(x, (list, tuple, dict)):
        for part in x.values() if isinstance(x, dict) else x:
            reach(part, seen)
    elif type(x).__module__.startswith("simbench.") and hasattr(x, "__dict__"):
        for name in dir(x):
            if not name.startswith("__"):
                reach(getattr(x, name, None), seen)
