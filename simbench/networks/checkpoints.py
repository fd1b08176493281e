"""Checkpoints: state dicts read from files, and whether they fit a network."""

from __future__ import annotations

import hashlib
import io
import re
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from simbench.contracts import Dataset, Model
from simbench.errors import InputError
from simbench.networks.wrappings import inner
from simbench.system.raised import clean, writable

if TYPE_CHECKING:
    from torch import Tensor

#: First bytes of a zip archive, which is what torch.save writes.
ZIP = b"PK\x03\x04"
#: Most bytes of a tensor that a file holds fewer values of.
REPEATED = 2**30


def content_hash(state: dict[str, Tensor]) -> str:
    """sha256 of names, shapes, dtypes and values of a state dict."""
    import torch

    sha = hashlib.sha256()
    for name, value in sorted(state.items()):
        value = value.detach().cpu().resolve_conj().resolve_neg().contiguous()
        sha.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        sha.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())  # numpy has no bfloat16
    return sha.hexdigest()


def read(file: Path) -> dict[str, Tensor]:
    """State dict of a checkpoint on the CPU, wherever it was saved; code in the file is never run.

    Raises InputError for a damaged file (torch's own format has checksums, safetensors has none) and for tensors that
    are not dense arrays of values: sparse, quantised and meta tensors."""
    import torch

    try:
        broken = _broken(file)
        if broken:
            raise InputError(
                f"checkpoint {str(file)!r} is damaged: {broken} does not match its checksum; give an undamaged copy"
            )
        if file.suffix == ".safetensors":
            state = _safetensors(file)
        else:
            with warnings.catch_warnings(action="ignore"):  # torch's, of its versions and of what is refused below
                state = torch.load(file, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:
        code = re.search(r"GLOBAL (\S+) was not an allowed", str(error))
        holds = f"; it holds a {code[1]}, and code in files is not run" if code else ""
        raise InputError(
            f"checkpoint {str(file)!r} cannot be read as a state dict ({type(error).__name__}{holds}); give a "
            "file of plain tensors saved by torch.save or safetensors"
        ) from None
    state = inner(state, str(file))
    if not isinstance(state, dict) or not state or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise InputError(f"checkpoint {str(file)!r} holds no state dict; give a mapping from names to tensors")
    for name, value in state.items():
        if not isinstance(name, str) or writable(name) != name:
            raise InputError(
                f"checkpoint {str(file)!r} holds a tensor named {clean(repr(name), 100)}; names must be text"
            )
        reason = storage(value) or _repeated(value)
        if reason:
            raise InputError(f"checkpoint {str(file)!r}: {name} is {reason}; save it as a dense tensor")
    return dict(state)


def bytes_of(state: dict[str, Tensor]) -> bytes:
    """The bytes of a checkpoint file of a state dict."""
    import torch

    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def _broken(file: Path) -> str:
    """The first part of a zip archive whose content does not match its checksum, or ""."""
    with open(file, "rb") as opened:
        if opened.read(len(ZIP)) != ZIP:
            return ""
        with zipfile.ZipFile(opened) as archive:
            return archive.testzip() or ""


def _safetensors(file: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    return load_file(file)


def storage(value: Tensor) -> str:
    """Why a tensor is not a dense array of numbers, or ""."""
    if value.is_meta:
        return "a meta tensor, which has no values"
    if value.is_quantized:
        return f"quantised ({_name(value)})"
    return "" if str(value.layout) == "torch.strided" and not value.is_nested else "sparse or nested"


def _repeated(value: Tensor) -> str:
    """Why a tensor whose values are repeated, as by `expand`, cannot be held, or ""."""
    size = value.numel() * value.element_size()
    return f"{size:,} bytes of repeated values" if size > max(REPEATED, value.untyped_storage().nbytes()) else ""


def fits(state: dict[str, Tensor], expected: dict[str, Tensor], source: str, model: Model, dataset: Dataset) -> None:
    """Raise InputError that names the first keys, shapes, dtypes or values that the model cannot take.

    expected: the model's own state dict. source: names the origin of `state` in messages. Floating point types of 16
    to 64 bits are converted to that of the model, where the values must be finite.
    """
    optional = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = [key for key in expected if key not in state and key not in optional]
    extra = [key for key in state if key not in expected]
    both = [key for key in expected if key in state]
    shapes = [
        f"{key} is {tuple(state[key].shape)}, the model has {tuple(expected[key].shape)}"
        for key in both
        if state[key].shape != expected[key].shape
    ]
    problems = [f"lacks {', '.join(missing[:3])}" + (" ..." if len(missing) > 3 else "")] if missing else []
    problems += [f"has unknown {', '.join(extra[:3])}" + (" ..." if len(extra) > 3 else "")] if extra else []
    problems += shapes[:2]
    if problems:
        raise InputError(
            f"{source} does not fit {model.spec} on {dataset.label} "
            f"({dataset.channels} channels, {dataset.classes} classes): {'; '.join(problems)}; "
            "name the model and data set it was trained as"
        )
    for key in both:
        problem = unusable(state[key], expected[key])
        if problem:
            raise InputError(f"{source}: {key} {problem}")


def unusable(value: Tensor, own: Tensor) -> str:
    """Why a tensor cannot replace the model's own, and what is allowed, or "". Values that are not finite are allowed
    only where a new network has the same values, such as in a mask."""
    import torch

    if storage(value):
        return f"is {storage(value)}; a dense tensor is allowed"
    floats = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
    if own.dtype.is_floating_point:
        allowed, fit = "float16, bfloat16, float32 and float64", value.dtype in floats
    elif own.dtype.is_complex:
        allowed, fit = "complex numbers", value.dtype.is_complex
    elif own.dtype == torch.bool:
        allowed, fit = "bool", value.dtype == own.dtype
    else:
        allowed = "whole numbers"
        fit = not (value.dtype.is_floating_point or value.dtype.is_complex or value.dtype == torch.bool)
    if not fit:
        return f"is {_name(value)}; allowed where the model has {_name(own)}: {allowed}"
    converted = value.to(own.dtype)
    same = (converted == own.to(converted.device)) | (converted.isnan() & own.to(converted.device).isnan())
    if not bool((value.isfinite() | same).all()):
        return "holds NaN or infinite values; finite ones are allowed"
    whole = not (own.dtype.is_floating_point or own.dtype.is_complex)
    if not bool((converted.isfinite() | same).all()) or (
        whole and not bool((converted.to(value.dtype) == value).all())
    ):
        return f"holds values beyond the largest {_name(own)}; smaller ones are allowed"
    return ""


def _name(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")
