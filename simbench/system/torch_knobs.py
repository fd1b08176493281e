"""The settings of torch. Importing this module does not import torch; listing them does."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from simbench.system.knob import Knob

#: Guards of torch's inference mode, kept alive because destroying one would restore an old setting.
_GUARDS: list = []
_HALF = 0.5
#: Switches of torch that have a getter and a setter of the same name in `torch._C`.
_SWITCHES = (
    "mkldnn_enabled",
    "mkldnn_deterministic",
    "nnpack_enabled",
    "cudnn_enabled",
    "cudnn_benchmark",
    "cudnn_deterministic",
    "cpu_allow_fp16_reduced_precision_reduction",
    "qengine",
    "warnAlways",
    "deterministic_fill_uninitialized_memory",
    "linalg_preferred_backend",
    "blas_preferred_backend",
)
#: The (backend, operation) pairs for which torch has a precision of float32 products.
_PRECISIONS = (
    ("generic", "all"),
    ("cuda", "all"),
    ("cuda", "matmul"),
    ("cuda", "conv"),
    ("cuda", "rnn"),
    ("mkldnn", "all"),
    ("mkldnn", "matmul"),
    ("mkldnn", "conv"),
    ("mkldnn", "rnn"),
)


def torch_knobs() -> Iterator[Knob]:
    """The settings of torch, in the order in which they are restored."""
    import torch
    from torch.nn.modules import module

    yield Knob("torch's inference mode", torch.is_inference_mode_enabled, _set_inference)
    yield Knob("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled)
    yield Knob("torch's default device", _default_device, torch.set_default_device)
    yield Knob("torch function modes", torch._C._len_torch_function_stack, _leave_modes)
    yield Knob("torch's default dtype", torch.get_default_dtype, torch.set_default_dtype)
    yield Knob("torch's number of threads", torch.get_num_threads, torch.set_num_threads)
    yield Knob("torch's global generator", torch.get_rng_state, torch.set_rng_state, torch.equal)
    yield Knob("the generators of CUDA", _cuda_states, _set_cuda_states, lambda x, y: all(map(torch.equal, x, y)))
    for device in ("cpu", "cuda"):
        yield Knob(
            "torch's autocast",
            lambda device=device: torch.is_autocast_enabled(device),
            lambda enabled, device=device: torch.set_autocast_enabled(device, enabled),
        )
        yield Knob(
            "torch's autocast dtype",
            lambda device=device: torch.get_autocast_dtype(device),
            lambda dtype, device=device: torch.set_autocast_dtype(device, dtype),
        )
    yield Knob("torch's autocast cache", torch.is_autocast_cache_enabled, torch.set_autocast_cache_enabled)
    yield Knob("torch's autocast nesting", _nesting, _set_nesting)
    yield Knob(
        "torch.use_deterministic_algorithms",
        lambda: (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()),
        lambda value: torch.use_deterministic_algorithms(value[0], warn_only=value[1]),
    )
    yield Knob(
        "torch's anomaly detection",
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda value: torch.set_anomaly_enabled(*value),
    )
    yield Knob("torch.set_flush_denormal", lambda: sys.float_info.min * _HALF == 0, torch.set_flush_denormal)
    yield Knob(
        "torch's float32 matmul precision", torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    )
    for name in _SWITCHES:
        read, write = (getattr(torch._C, f"_{verb}_{name}", None) for verb in ("get", "set"))
        if read and write:
            yield Knob(f"torch's {name}", read, write)
    if hasattr(torch._C, "_get_fp32_precision_getter"):
        for place in _PRECISIONS:
            yield Knob(
                f"torch's precision of {' '.join(place)}",
                lambda place=place: torch._C._get_fp32_precision_getter(*place),
                lambda value, place=place: torch._C._set_fp32_precision_setter(*place, value),
            )
    yield Knob(
        "torch.backends.opt_einsum",
        lambda: (torch.backends.opt_einsum.enabled, torch.backends.opt_einsum.strategy),
        _set_einsum,
    )
    hooks = [
        value for name, value in sorted(vars(module).items()) if name.startswith("_global_") and isinstance(value, dict)
    ]
    yield Knob(
        "the global hooks of torch.nn",
        lambda: [dict(each) for each in hooks],
        lambda value: [(each.clear(), each.update(before)) for each, before in zip(hooks, value, strict=True)],
    )


def _set_inference(enabled: bool) -> None:
    import torch

    mode = torch.inference_mode(enabled)
    mode.__enter__()
    _GUARDS.append(mode)


def _leave_modes(depth: int) -> None:
    import torch
    from torch.overrides import _pop_mode

    while torch._C._len_torch_function_stack() > depth:
        _pop_mode()


def _default_device():
    """The default device, or None where it was never set: a default device slows down every call of torch."""
    import torch

    mode = getattr(torch._GLOBAL_DEVICE_CONTEXT, "device_context", None)
    return mode and mode.device


def _cuda_states() -> list:
    import torch

    return torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []


def _set_cuda_states(states: list) -> None:
    import torch

    if states:
        torch.cuda.set_rng_state_all(states)


def _nesting() -> int:
    import torch

    torch.autocast_increment_nesting()
    return torch.autocast_decrement_nesting()


def _set_nesting(depth: int) -> None:
    import torch

    while _nesting() > depth:
        torch.autocast_decrement_nesting()
    torch.clear_autocast_cache()


def _set_einsum(value: tuple) -> None:
    import torch

    torch.backends.opt_einsum.enabled, torch.backends.opt_einsum.strategy = value
