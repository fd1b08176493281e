"""Seconds of a stage are exclusive, sum to the wall time, and leave out what its consumer does."""

from __future__ import annotations

import threading
import time

import pytest

from simbench.system import stopwatch
from simbench.system.stopwatch import OTHER, START, recording, stage, stages


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def told(profile) -> dict[str, tuple[float, int]]:
    return {row.stage: (row.seconds, row.calls) for row in profile.rows}


def test_a_nested_stage_is_taken_off_the_one_around_it_and_the_rest_is_other(clock):
    with recording(clock) as profile:
        clock.pass_(1)
        with stage("outer"):
            clock.pass_(2)
            with stage("inner"):
                clock.pass_(4)
            clock.pass_(8)
            with stage("inner"):
                clock.pass_(16)
        clock.pass_(32)
    assert told(profile) == {OTHER: (33, 0), "inner": (20, 2), "outer": (10, 1)}
    assert [row.seconds for row in profile.rows] == [33, 20, 10], "most seconds first"
    assert sum(row.seconds for row in profile.rows) == clock() - 100


def test_a_stage_entered_from_itself_counts_once(clock):
    @stage("descent")
    def descend(depth: int) -> int:
        clock.pass_(1)
        return descend(depth - 1) if depth else 7

    with recording(clock) as profile:
        assert descend(3) == 7
        descend(0)
    assert told(profile) == {OTHER: (0, 0), "descent": (5, 2)}


def test_a_decorated_generator_leaves_out_the_time_of_its_consumer(clock):
    @stage("making")
    def make(count: int):
        for number in range(count):
            clock.pass_(1)
            yield number
        clock.pass_(0.5)

    with recording(clock) as profile, stage("using"):
        items = make(3)
        clock.pass_(4)
        for number in items:
            clock.pass_(10 + number)
    assert told(profile) == {OTHER: (0, 0), "making": (3.5, 1), "using": (37, 1)}
    assert list(make(2)) == [0, 1], "without a recording, too"


def test_what_a_generator_pulls_from_another_stage_belongs_to_that(clock):
    @stage("below")
    def below():
        for _ in range(2):
            clock.pass_(1)
            yield

    @stage("above")
    def above():
        for _ in below():
            clock.pass_(10)
            yield

    with recording(clock) as profile:
        for _ in above():
            clock.pass_(100)
    assert told(profile) == {OTHER: (200, 0), "above": (20, 1), "below": (2, 1)}


def test_an_abandoned_generator_is_closed_and_leaves_no_stage_open(clock):
    closed = []

    @stage("making")
    def make():
        try:
            while True:
                clock.pass_(1)
                yield
        finally:
            closed.append(True)

    with recording(clock) as profile:
        items = make()
        next(items)
        items.close()
        clock.pass_(5)
    assert closed and told(profile) == {OTHER: (5, 0), "making": (1, 1)}


def test_an_exception_ends_its_stages_and_gets_through(clock):
    @stage("failing")
    def fail():
        with stage("inner"):
            clock.pass_(1)
            raise KeyError("x")

    @stage("making")
    def make():
        clock.pass_(2)
        yield 1
        raise KeyError("y")

    with recording(clock) as profile:
        with pytest.raises(KeyError, match="x"):
            fail()
        with pytest.raises(KeyError, match="y"):
            list(make())
        clock.pass_(4)
    assert told(profile) == {OTHER: (4, 0), "failing": (0, 1), "inner": (1, 1), "making": (2, 1)}


def test_without_a_recording_nothing_is_kept_and_the_function_is_itself(clock):
    @stage("work")
    def work(x: int, *, y: int = 1) -> int:
        """What it does."""
        clock.pass_(1)
        return x + y

    assert work(1, y=2) == 3 and work.__name__ == "work" and work.__doc__ == "What it does."
    with recording(clock) as profile:
        pass
    work(1)
    assert told(profile) == {OTHER: (0, 0)} and stopwatch._recorded is None


def test_without_a_recording_a_stage_costs_next_to_nothing():
    work = stage("work")(lambda: None)
    work()
    least = min(_seconds(work) for _ in range(5))
    assert least < 2e-6, f"{least:.1e} s a call; 2e-7 is usual"


def _seconds(function, calls: int = 2000) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def test_time_goes_on_in_a_recording_and_stands_still_after_it(clock):
    with recording(clock) as profile, stage("work"):
        clock.pass_(1)
        assert told(profile)["work"] == (1, 1), "what was seen so far"
        clock.pass_(1)
    clock.pass_(5)
    assert told(profile) == {"work": (2, 1), OTHER: (0, 0)}


def test_a_recording_within_a_stage_does_not_trip_over_its_end(clock):
    context = recording(clock)
    with stage("early"):
        profile = context.__enter__()
        clock.pass_(1)
    with stage("late"):
        clock.pass_(2)
    context.__exit__(None, None, None)
    assert told(profile) == {OTHER: (1, 0), "late": (2, 1)}


def test_the_seconds_before_are_start_up_and_sum_with_the_rest(clock):
    with recording(clock, before=3.0) as profile:
        clock.pass_(1)
        with stage(START):
            clock.pass_(2)
    assert told(profile) == {START: (5, 2), OTHER: (1, 0)}


def test_an_inner_recording_hides_its_stages_and_the_outer_goes_on(clock):
    with recording(clock) as outer:
        with stage("around"), recording(clock) as inner, stage("work"):
            clock.pass_(1)
        with stage("work"):
            clock.pass_(2)
    assert told(inner) == {"work": (1, 1), OTHER: (0, 0)}
    assert told(outer) == {"around": (1, 1), "work": (2, 1), OTHER: (0, 0)}


def test_stages_of_another_thread_are_not_seen(clock):
    def work() -> None:
        with stage("elsewhere"):
            clock.pass_(1)

    with recording(clock) as profile, stage("waiting"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert told(profile) == {"waiting": (1, 1), OTHER: (0, 0)}


def test_methods_are_named_at_the_top_of_their_class(clock):
    @stages(one="first", each="second")
    class Work:
        def one(self) -> None:
            clock.pass_(1)

        def each(self):
            clock.pass_(2)
            yield 1

        def rest(self) -> None:
            clock.pass_(4)

    with recording(clock) as profile:
        work = Work()
        work.one()
        assert list(work.each()) == [1]
        work.rest()
    assert told(profile) == {OTHER: (4, 0), "second": (2, 1), "first": (1, 1)}
    with pytest.raises(KeyError, match="nothing"):
        stages(nothing="first")(Work)


def test_no_gradients_in_a_generator_and_its_stage_go_together(clock):
    import torch

    @stage("making")
    @torch.no_grad()
    def inside():
        for _ in range(2):
            clock.pass_(1)
            yield torch.is_grad_enabled()

    outside = torch.no_grad()(stage("making")(inside.__wrapped__.__wrapped__))
    for make in (inside, outside):
        with recording(clock) as profile:
            assert [(found, torch.is_grad_enabled()) for found in make()] == [(False, True)] * 2
        assert told(profile)["making"] == (2, 1)
