"""The identity: the baseline without matching."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simbench import Affine, Inapplicable, Stitcher, hookimpl

if TYPE_CHECKING:
    from simbench import Moments


class Identity(Stitcher):
    """Channels are passed on as they are: "a model stitched without transformation" (paper, figure 2)."""

    name = "identity"
    source = "Csiszarik et al. 2021, figure 2"
    objective = ""
    control = True

    @property
    def family(self) -> str:
        return "identity"

    def from_moments(self, m: Moments) -> Affine:
        if m.a.width != m.b.width:
            raise Inapplicable(f"{m.a.width} channels cannot be passed on as {m.b.width}")
        return Affine.identity(m.a.width, dtype=m.ab.dtype, device=m.ab.device)


@hookimpl
def simbench_stitchers():
    return [Identity()]
