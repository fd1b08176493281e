"""Wrappings: the state dict inside a training checkpoint, under the names of the network that it is for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from simbench.errors import InputError

#: Keys under which training loops save averaged weights, and weights. Averaged ones are those that are published, and
#: are taken where a file holds both, as timm does.
AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema_model", "ema")
PLAIN = ("state_dict", "model_state_dict", "model", "net", "network", "module")
#: Parts of prefixes that mean an average, and what torch.compile puts into names.
EMA, COMPILED = ("ema", "ema_model", "model_ema", "averaged"), "_orig_mod."


def inner(loaded: Any, file: str) -> Any:
    """The state dict in what a checkpoint file holds: itself, or what stands under the key of a training loop, which is
    reported on stderr. Anything else is returned as it is."""
    path: list[str] = []
    seen: list[Any] = []
    while isinstance(loaded, Mapping) and not _plain(loaded) and not any(loaded is each for each in seen):
        seen.append(loaded)
        keys = [key for key in (*AVERAGED, *PLAIN) if isinstance(loaded.get(key), Mapping)]
        if not keys:
            break
        if len(keys) > 1:
            report(f"checkpoint {file!r} holds {' and '.join(map(repr, keys))}; {keys[0]!r} is taken")
        path.append(keys[0])
        loaded = loaded[keys[0]]
    if path and isinstance(loaded, Mapping) and _plain(loaded):
        report(f"checkpoint {file!r}: the state dict in {' / '.join(map(repr, path))} is taken")
    return loaded


def _plain(loaded: Mapping) -> bool:
    import torch

    return bool(loaded) and all(isinstance(value, torch.Tensor) for value in loaded.values())


def renamed(state: Mapping[str, Any], expected: Iterable[str], source: str) -> dict[str, Any]:
    """The state dict under the names of a network, without what DataParallel (`module.`), torch.compile (`_orig_mod.`),
    Lightning (`model.`) or another wrapper put before them.

    expected: names of the network that must be there. Tensors outside the wrapper, such as those of a loss, are left
    out. What was taken is reported on stderr. A state dict that fits as it is, or not at all, is returned as it is.
    Raises InputError where two parts would fit and neither is an average of weights.
    """
    needed = [name for name in expected if not name.endswith("num_batches_tracked")]
    if not needed or all(name in state for name in needed):
        return dict(state)
    bare = {name.replace(COMPILED, ""): value for name, value in state.items()}
    ends = sorted(name.removesuffix(needed[0]) for name in bare if name.endswith("." + needed[0]) or name == needed[0])
    prefixes = [prefix for prefix in ends if all(prefix + name in bare for name in needed)]
    if not prefixes:
        return dict(state)
    chosen = _preferred(prefixes, source)
    own = {name.removeprefix(chosen): value for name, value in bare.items() if name.startswith(chosen)}
    compiled = f" without {COMPILED}" if len(bare) and bare.keys() != state.keys() else ""
    others = len(bare) - len(own)
    report(
        f"{source}: the tensors named {chosen or ''}*{compiled} are taken"
        + (f", {others} others are left out" if others else "")
    )
    return own


def _preferred(prefixes: list[str], source: str) -> str:
    averaged = [prefix for prefix in prefixes if set(prefix.split(".")) & set(EMA)]
    if len(prefixes) == 1 or "" in prefixes:
        return "" if "" in prefixes else prefixes[0]
    if len(averaged) == 1:
        return averaged[0]
    raise InputError(
        f"{source} holds several networks that fit, under {', '.join(f'{each}*' for each in prefixes)}; save one"
    )


@lru_cache(maxsize=256)
def report(line: str, *_: int) -> None:
    """Print a line on stderr, once per process for the same line and file stamps."""
    print(f"simbench: {line}", file=sys.stderr)
