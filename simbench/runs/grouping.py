"""Groups of cases at one layer: those of a pair, or those of an index whose states many pairs share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from simbench.contracts import Index
from simbench.contracts.case import Case
from simbench.measuring.curve import place
from simbench.measuring.evaluate import of_states

#: Most cases of a group: what an interruption loses, and what one worker takes.
MOST = 64


def grouped(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Cases at one layer, each once: first by pair, then those of each index that prepares states.

    One after the other, indices need memory for the states of one index alone, of all networks at a layer. Where even
    these do not fit, most are used several times before they are forgotten: the pairs of an index come in the order of
    a Z-curve over networks a and b, whose neighbours share networks.
    """
    of_states = [case for case in cases if _of_states(case)]
    apart = {id(case) for case in of_states}
    for _, same in groupby((case for case in cases if id(case) not in apart), key=lambda case: case.group):
        yield list(same)
    contents = dict.fromkeys(network.content for case in of_states for network in (case.a, case.b))
    places = {content: number for number, content in enumerate(contents)}
    by_index: dict[tuple, list[Case]] = {}
    for case in of_states:
        by_index.setdefault((case.experiment, case.method, case.view, case.split), []).append(case)
    for pairs in by_index.values():
        pairs.sort(key=lambda case: place(places[case.a.content], places[case.b.content]))
        yield from (pairs[i : i + MOST] for i in range(0, len(pairs), MOST))


def _of_states(case: Case) -> bool:
    """True for the value of an index of states, which depends on no other case of its pair."""
    return case.kind == "index" and isinstance(case.method, Index) and of_states(case.method, case.view)
