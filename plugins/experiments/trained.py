"""Requirements of experiments on a stitcher: that it is trained, and has certain parameters."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace

from simbench import InputError, Stitcher


def check(stitcher: Stitcher, *parameters: str, example: str = "task_loss") -> None:
    """Raise InputError, in one line, for a stitcher that is not trained or lacks one of the parameters. example: spec
    of a stitcher that meets the requirements."""
    if stitcher.needs != "task":
        raise InputError(
            f"stitcher is {stitcher.spec}, which is not trained; a stitcher trained on the task is wanted, such as "
            f"{example}"
        )
    present = {f.name for f in fields(stitcher)} if is_dataclass(stitcher) else set()
    for name in parameters:
        if name not in present:
            raise InputError(
                f"stitcher is {stitcher.spec}, which has no parameter {name}; a trained stitcher with "
                f"{' and '.join(parameters)} is wanted, such as {example}"
            )


def varied(stitcher: Stitcher, **parameters: object) -> Stitcher:
    """The stitcher with other values of some parameters. Raises InputError, with the name of the stitcher, if it
    refuses them."""
    try:
        return replace(stitcher, **parameters)
    except InputError as error:
        raise InputError(f"stitcher is {stitcher.spec}: {error}") from None


def with_bias(stitcher: Stitcher) -> bool:
    """Whether the maps that a stitcher trains have a bias: its parameter `bias`, or True if it has no such
    parameter."""
    return bool(getattr(stitcher, "bias", True))
