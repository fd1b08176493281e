"""Tasks reach workers: no more than each may have, one tile to one worker, and all of them whoever comes and goes."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import Future

import pytest

from simbench import EngineGone, Workers
from simbench.runs.executors import dispatch
from simbench.runs.executors.dispatch import Dispatch, Task


class Hands(Workers):
    """Workers whose tasks end when `end` says so. got: what each worker was handed, in order."""

    def __init__(self, **slots: int) -> None:
        super().__init__(None, 1)
        self.here = dict(slots)
        self.open: list[tuple[str, Future]] = []
        self.got: list[tuple[str, object]] = []

    @property
    def slots(self):
        return dict(self.here)

    def submit(self, call, /, *args, to=""):
        future = Future()
        self.open.append((to, future))
        self.got.append((to, args[0]))
        return future

    def end(self, place: int = 0) -> None:
        self.open.pop(place)[1].set_result(None)


def task(what: object, tile: str = "") -> Task:
    return Task(str(what), tile, 1.0, lambda: (print, (what,)))


def stepped(hands: Hands, tasks: list[Task], found: Dispatch | None = None, chance: random.Random | None = None):
    """What `done` yields; a task ends whenever it waits for one."""
    real = dispatch.wait

    def waited(running, timeout, mode):
        if hands.open:
            hands.end(chance.randrange(len(hands.open)) if chance else 0)
        return real(running, 0, mode)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "wait", waited)
        yield from (found or Dispatch(hands)).done(tasks)


def test_a_worker_has_no_more_tasks_than_it_may_have():
    most: Counter[str] = Counter()

    class Counting(Hands):
        def submit(self, call, /, *args, to=""):
            future = super().submit(call, *args, to=to)
            for worker, number in Counter(worker for worker, _ in self.open).items():
                most[worker] = max(most[worker], number)
            return future

    tasks = [task(place) for place in range(40)]
    ended = [each.what for each, _, _ in stepped(Counting(a=1, b=3), tasks, chance=random.Random(0))]
    assert sorted(ended, key=int) == [str(place) for place in range(40)]
    assert most == {"a": 1, "b": 3}


def test_tasks_of_a_tile_go_to_one_worker_in_order():
    """Six tiles of five tasks, whose tasks take turns, on three workers."""
    hands = Hands(a=1, b=1, c=1)
    list(stepped(hands, [task((tile, place), f"t{tile}") for place in range(5) for tile in range(6)]))
    by_tile: dict[int, list] = {}
    for worker, (tile, place) in hands.got:
        by_tile.setdefault(tile, []).append((place, worker))
    assert len(by_tile) == 6
    for given in by_tile.values():
        assert [place for place, _ in given] == list(range(5)) and len({worker for _, worker in given}) == 1


def test_a_worker_without_a_tile_takes_the_second_half_of_the_longest():
    hands = Hands(a=1, b=1)
    list(stepped(hands, [task(place, "only") for place in range(6)]))
    assert [what for _, what in hands.got] == [0, 3, 1, 4, 2, 5]
    assert {worker for worker, _ in hands.got} == {"a", "b"}


def test_the_tile_of_a_worker_that_is_gone_goes_on_with_another():
    hands, workers = Hands(a=1, b=1), []
    for _, worker, _ in stepped(hands, [task((tile, place), tile) for tile in "xy" for place in range(4)]):
        workers.append(worker)
        hands.here = {"b": 1}
    assert len(workers) == 8 and workers.count("a") <= 2
    order = [what for _, what in hands.got]
    assert [place for tile, place in order if tile == "x"] == [0, 1, 2, 3]


def test_what_comes_back_goes_first_and_to_the_worker_that_is_named():
    hands = Hands(a=1, b=1)
    found, ended = Dispatch(hands), []
    for each, _, _ in stepped(hands, [task(place) for place in range(9)], found):
        if each.what == "0":
            found.put(task("back"), "b")
            found.put(task("of the dead"), "z")
        ended.append(each.what)
    given = [what for _, what in hands.got]
    assert max(given.index("back"), given.index("of the dead")) <= 6 and len(ended) == 11
    assert ("b", "back") in hands.got


def test_what_needs_no_worker_any_more_and_what_cannot_be_packed_end_as_they_are():
    def broken():
        raise ValueError("no")

    hands = Hands(a=1)
    tasks = [Task("done", "", 1.0, lambda: None), Task("broken", "", 1.0, broken), task("well")]
    ended = {each.what: future for each, _, future in stepped(hands, tasks)}
    assert ended["done"] is None and isinstance(ended["broken"].exception(), ValueError)
    assert ended["well"].result() is None and hands.got == [("a", "well")]


def test_a_refused_worker_gets_nothing_more():
    hands = Hands(a=1, b=1)
    found = Dispatch(hands)
    assert found.refuse("a")
    assert [worker for _, worker, _ in stepped(hands, [task(1), task(2)], found)] == ["b", "b"]
    assert not found.refuse("b")


def test_a_run_without_workers_waits_as_long_as_it_was_told(monkeypatch):
    monkeypatch.setattr(dispatch, "LOOK", 0.01)
    with pytest.raises(EngineGone, match="no worker is left after 0.05 s"):
        list(Dispatch(Hands()).done([task(1)], patience=0.05))


def test_leaving_cancels_what_has_not_begun():
    hands = Hands(a=2)
    found = Dispatch(hands)
    next(stepped(hands, [task(place) for place in range(5)], found))
    left = [future for _, future in hands.open]
    found.cancel()
    assert left and all(future.cancelled() for future in left) and not found.running
