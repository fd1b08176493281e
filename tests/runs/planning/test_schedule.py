"""Units of a tile go to one worker; nothing is given twice or lost, whoever dies."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from simbench.runs.planning.schedule import Common, Schedule

Unit = tuple[int, int]


def made(tiles: int, units: int) -> list[tuple[float, list[Unit]]]:
    return [(float(units), [(tile, number) for number in range(units)]) for tile in range(tiles)]


def schedule(tiles: int, units: int, **options) -> Schedule[Unit]:
    return Schedule(made(tiles, units), lambda unit: 1.0, **options)


def test_a_worker_is_given_its_tile_in_order_and_then_the_next():
    given = schedule(3, 4)
    first = [given.take("a") for _ in range(4)]
    assert first == [(0, number) for number in range(4)]
    assert given.take("b") == (1, 0) and given.take("a") == (2, 0) and given.take("b") == (1, 1)


def test_where_all_are_begun_the_second_half_of_the_longest_rest_is_taken_over():
    given = schedule(2, 8)
    assert [given.take("a") for _ in range(4)][-1] == (0, 3) and given.take("b") == (1, 0)
    assert given.take("c") == (1, 4) and given.divided == 1
    assert [given.take("b") for _ in range(4)] == [(1, 1), (1, 2), (1, 3), (0, 6)]
    assert [given.take("c") for _ in range(3)] == [(1, 5), (1, 6), (1, 7)]


def running(*networks: str) -> dict:
    """Options of a schedule whose units run these networks, one letter each."""
    return {"least": 9.0, "shares": lambda unit: Common(networks=networks[unit[1]])}


def test_a_short_rest_is_not_divided_where_networks_would_run_twice():
    given = schedule(1, 4, **running("ab", "bc", "bd", "be"))
    assert given.take("a") == (0, 0) and given.take("b") is None
    assert [given.take("a") for _ in range(4)] == [(0, 1), (0, 2), (0, 3), None]


@pytest.mark.parametrize(
    ("networks", "taken"), [("aabb", 2), ("abcd", 2), ("aaab", 3), ("aabbab", None), ("ab", 1), ("aa", None)]
)
def test_a_short_rest_is_divided_between_networks(networks, taken):
    """Trainings of the last network of a tile need not wait for those of another."""
    given = schedule(1, len(networks), **running(*networks))
    assert given.take("a") == (0, 0)
    assert given.take("b") == (None if taken is None else (0, taken))


def test_a_rest_that_nobody_can_help_with_is_looked_at_once_for_each_unit_of_its_worker():
    asked = []
    given = schedule(1, 4, least=9.0, shares=lambda unit: asked.append(unit) or Common(networks="a"))
    assert given.take("a") == (0, 0) and given.take("b") is None
    count = len(asked)
    assert given.take("b") is given.take("c") is None and len(asked) == count
    assert given.take("a") == (0, 1) and given.take("b") is None and len(asked) > count


def test_of_many_short_rests_few_are_looked_at():
    asked = []
    options = {"least": 9.0, "shares": lambda unit: asked.append(unit[0]) or Common(networks="a")}
    given = schedule(20, 3, **options)
    assert all(given.take(worker) for worker in range(20)) and given.take("late") is None
    assert len(set(asked)) == 4


def test_what_was_lost_goes_first_and_the_rest_of_its_tile_to_the_next_who_asks():
    given = schedule(2, 3)
    lost = given.take("a")
    given.gone("a")
    given.again(lost)
    assert given.take("b") == lost
    assert [given.take("b") for _ in range(2)] == [(0, 1), (0, 2)]


@pytest.mark.parametrize("seed", range(20))
def test_every_unit_is_finished_once_whoever_dies(seed):
    draw, given = random.Random(seed), schedule(7, 9)
    alive, busy, done, born = [0, 1, 2, 3], {}, Counter(), 4
    while given is not None:
        before = born
        for worker in draw.sample(alive, len(alive)):
            if draw.random() < 0.15:  # it dies, perhaps with a unit
                if worker in busy:
                    given.again(busy.pop(worker))
                given.gone(worker)
                alive[alive.index(worker)] = born
                born += 1
                continue
            if worker in busy:
                done[busy.pop(worker)] += 1
            unit = given.take(worker)
            if unit is not None:
                busy[worker] = unit
        if not busy and born == before:
            given = None
    assert done == Counter(unit for _, units in made(7, 9) for unit in units)


def test_tiles_are_read_no_further_than_needed():
    read = []

    def units(tile):
        for number in range(100):
            read.append((tile, number))
            yield tile, number

    given = Schedule(((100.0, units(tile)) for tile in range(10**9)), lambda unit: 1.0)
    assert [given.take(worker) for worker in "aabb"] == [(0, 0), (0, 1), (1, 0), (1, 1)] and len(read) == 4


def laid_out(layers: int, each: int) -> list[tuple[float, list[Unit]]]:
    """A tile of units (layer, number)."""
    return [(float(layers * each), [(layer, number) for layer in range(layers) for number in range(each)])]


def test_a_tile_is_divided_between_units_that_share_rather_than_among_them():
    """Six seconds are left of layer 0, and ten each of 1 and 2: half is in the middle of layer 1."""
    given = Schedule(laid_out(3, 10), lambda unit: 1.0, shares=lambda unit: Common(unit[0], 8.0))
    assert [given.take("a") for _ in range(4)][-1] == (0, 3)
    assert given.take("b") == (2, 0) and given.divided == 1
    plain = Schedule(laid_out(3, 10), lambda unit: 1.0)
    assert [plain.take("a") for _ in range(4)][-1] == (0, 3) and plain.take("b") == (1, 7)


@pytest.mark.parametrize(("shared", "divided"), [(3.0, True), (9.0, False)])
def test_nobody_helps_who_would_be_through_later_than_without_help(shared, divided):
    """Nine seconds are left, all at the layer that is under way."""
    given = Schedule(laid_out(1, 10), lambda unit: 1.0, shares=lambda unit: Common(unit[0], shared))
    given.take("a")
    unit = given.take("b")
    assert (unit is not None) == divided == bool(given.divided)
    rest = [unit] if unit else []
    while (found := given.take("a")) or (found := given.take("b")):
        rest.append(found)
    assert sorted(rest) == [(0, number) for number in range(1, 10)]


@pytest.mark.parametrize(("own", "taken"), [(0.5, 1), (8.0, 0)])
def test_who_helps_pays_for_what_the_units_taken_over_share_alone(own, taken):
    """Three units are left, of one second each: the last is taken over where it needs half a second of what they share,
    none where it needs all."""
    given = Schedule(laid_out(1, 4), lambda unit: 1.0, shares=lambda unit: Common(unit[0], 8.0, own))
    given.take("a")
    assert given.take("b") == ((0, 4 - taken) if taken else None)


def test_the_last_unit_of_a_tile_does_not_wait_for_a_worker_that_is_busy_with_another():
    given = Schedule(laid_out(1, 2), lambda unit: 1.0)
    assert given.take("a") == (0, 0) and given.take("b") == (0, 1)
    assert given.take("a") is given.take("b") is None
