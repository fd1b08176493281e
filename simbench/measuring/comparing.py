"""The part of the bench that computes values of indices on pairs of layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from simbench.contracts import Claims, Index, Row
from simbench.contracts.case import Case
from simbench.errors import Inapplicable
from simbench.isolation.answers import ask, number
from simbench.isolation.copies import handed
from simbench.isolation.loans import Loan, lend
from simbench.measuring.evaluate import apart, evaluate, of_states, turnable
from simbench.measuring.sides import Sides
from simbench.measuring.states import States
from simbench.measuring.value import Side, value
from simbench.measuring.window import Window
from simbench.moments import views
from simbench.moments.affine import Affine
from simbench.moments.pair import Moments
from simbench.networks import sampling
from simbench.system import stopwatch
from simbench.system.surroundings import abroad

#: Calls an index. Returns its answer, the reason why that is degenerate ("" if it is not), and its claims if known.
Answer = Callable[[], tuple[Any, str, Claims | None]]


@stopwatch.stages(similarity="indices", stitched_similarity="indices")
class Comparing(Sides):
    """Computes values of indices on the pairs of one selection."""

    def __init__(self, *given, **options) -> None:
        super().__init__(*given, **options)
        self._states = States(self.activations.held)

    def similarity(self, index: Index, case: Case, split: str = "test") -> Row:
        """Value of an index in the case's view, as a row `similarity`, by the policy of `simbench.measuring.value`.
        Raises the error of a value that failed."""
        flat = case.view == "flat"
        if index.needs == "case":
            sides, answer = (), partial(self._of_case, index, case)
        elif of_states(index, case.view):
            sides, answer = self._on_states(index, case, split)
        elif flat and turnable(index):
            sides, answer = self._on_coordinates(index, case, split)
        elif flat or index.needs == "samples":
            sides, answer = self._on_rows(index, case, split)
        else:
            m = self.moments(case, split, case.view)
            sides = [
                Side.of_scatter(name, x, over)
                for (name, over), x in zip(self.described(case, split), (m.a, m.b), strict=True)
            ]
            answer = partial(ask, index, m)
        valued = value(index, sides, answer)
        if valued.error is not None:
            raise valued.error
        return Row(
            "similarity", valued.value, status=valued.status, note=valued.note or self._drawn_note(index, case, split)
        )

    def _on_states(self, index: Index, case: Case, split: str) -> tuple[Iterable[Side], Answer]:
        """Compare the states that the index prepares from each side. In view flat, an index that is invariant to
        rotations prepares them from principal coordinates."""
        self.must_pair(case, case.view)
        turned = case.view == "flat" and turnable(index)
        drawn = (index.max_rows, case.setting.seed)
        named, both = self.described(case, split), self.members(case, case.view)

        def rows(place: int) -> Tensor:
            x = self.turned(case, place, split)[1] if turned else self.rows_of(both[place], split, case.view)
            return self._drawn(index, x, case)

        def answer() -> tuple[Any, str, None]:
            sides = tuple(
                (name, (network.content, layer, split, case.view, turned, *drawn), partial(rows, place))
                for place, ((name, _), (network, layer)) in enumerate(zip(named, both, strict=True))
            )
            return self._states.compare(index, sides, torch.float64), "", None

        return (self.side(case, place, split, turned) for place in (0, 1)), answer

    def _on_coordinates(self, index: Index, case: Case, split: str) -> tuple[Iterable[Side], Answer]:
        """Compare both sides in view flat in their principal coordinates; the index is invariant to this rotation."""

        def answer() -> tuple[Any, str, Claims | None]:
            x, y, m = self.coordinates(case, split)
            return self._on_samples(index, x, y, case) if index.needs == "samples" else ask(index, m)

        return (self.turned(case, place, split)[0] for place in (0, 1)), answer

    def _on_rows(self, index: Index, case: Case, split: str) -> tuple[Iterable[Side], Answer]:
        """Compare the rows themselves."""
        x, y = self.rows(case, split, case.view)

        def answer() -> tuple[Any, str, Claims | None]:
            if index.needs == "samples":
                return self._on_samples(index, x, y, case)
            if max(x.shape[1], y.shape[1]) >= len(x):
                raise Inapplicable(
                    f"{index.spec} is not invariant to rotations and translations of both sides, and needs the moments "
                    f"of {max(x.shape[1], y.shape[1])} neurons: {len(x)} images do not determine them in view flat"
                )
            return ask(index, Moments.of(x, y))

        return (
            Side.of_rows(name, rows, over)
            for (name, over), rows in zip(self.described(case, split), (x, y), strict=True)
        ), answer

    def _of_case(self, index: Index, case: Case) -> tuple[Any, str, None]:
        """Call an index that takes a case. It receives a copy of the case, as an experiment does."""
        loan, (copied, back) = Loan(), handed(replace(case, method=index))
        with loan.settled(index), abroad():
            return index.from_case(copied, Window(self, loan, back)), "", None

    def _on_samples(self, index: Index, x: Tensor, y: Tensor, case: Case) -> tuple[Any, str, None]:
        left, right = self._drawn(index, x, case), self._drawn(index, y, case)
        return lend(index, index.from_samples, left, right, dtype=torch.float64), "", None

    @torch.no_grad()
    def stitched_similarity(self, index: Index, affine: Affine, case: Case, front: Tensor | None = None) -> float:
        """Value of an index between the stitched activations of a and those of b, on the test split in the case's view.

        It is computed from moments if a 1x1 stitch acts on the rows of the view, otherwise from the stitched
        activations. front: activations of the test inputs that replace those of a."""
        if index.needs == "case":
            raise Inapplicable(f"{index.spec} is computed from networks and layers, and does not see a stitch")
        if case.view != "flat" and index.needs == "moments":
            given = (case, "test", case.view)
            m = self.moved_moments(*given) if front is None else self.front_moments(front, *given)
            return number(index, lend(index, index.from_moments, m.through(affine.to(torch.float64))))
        stitched, b = self.members(case, case.view, True)
        x = self.sample(stitched, "test", case.view)
        if front is not None:
            front, drawn = self.placed(front, case), self.activations.drawn("test", case.view)
            x = torch.cat(self.parts(front if drawn is None else front[drawn.to(front.device)]))

        def rows(x: Tensor) -> Tensor:
            return self._drawn(index, views.rows(x, case.view, kept=self.activations.kept("test", b[1])).double(), case)

        def other() -> Tensor:
            return rows(self.sample(b, "test", case.view))

        x = rows(affine.to(x)(x))
        if apart(index, x):  # of the many stitches into one layer, that layer is prepared once
            key = (b[0].content, b[1], "test", case.view, "beside a stitch", index.max_rows, case.setting.seed)
            return number(index, self._states.against(index, x, key, other))
        return number(index, evaluate(index, x, other())[0])

    def samples(self, case: Case) -> int:
        """Number of inputs on which a case is measured."""
        return self._inputs(case.split, case.view)

    def _inputs(self, split: str, view: str) -> int:
        """Number of inputs that a view uses."""
        drawn = self.activations.drawn(split, view)
        return self.activations.count(split) if drawn is None else len(drawn)

    def _drawn(self, index: Index, x: Tensor, case: Case) -> Tensor:
        """The rows of a side, at most `max_rows` for an index that needs samples. The setting's seed draws them, so
        that both sides have the same rows."""
        if index.needs != "samples" or index.max_rows is None or len(x) <= index.max_rows:
            return x
        return x[sampling.draw(len(x), index.max_rows, case.setting.seed)]

    def _drawn_note(self, index: Index, case: Case, split: str) -> str:
        """A note that says how many rows were drawn; "" if all rows are used."""
        if index.needs != "samples" or index.max_rows is None:
            return ""
        n = self._inputs(split, case.view)
        if case.view in views.PLACED:
            n = self.places(self.members(case, case.view)[0], split)
        return f"on {index.max_rows} rows drawn of {n}" if n > index.max_rows else ""
