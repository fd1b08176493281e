"""Claims of work: no key is claimed by two, and none of the dead is kept."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from simbench.system import underway
from simbench.system.underway import UnderWay

KEYS = [f"{number:064x}" for number in range(6)]
CLAIMS = """
import sys, time
from pathlib import Path
from simbench.system.underway import UnderWay
under_way = UnderWay(Path(sys.argv[1]))
print(len(under_way.claim(sys.argv[2:]).keys), flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """other(keys): a process that has claimed them."""
    processes = []

    def other(keys) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", CLAIMS, str(tmp_path), *keys], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout.readline().strip() == str(len(keys))
        return process

    yield other
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_what_another_claims_is_left_to_it_until_it_has_ended(tmp_path):
    one, two = UnderWay(tmp_path), UnderWay(tmp_path)
    first, second = one.claim(KEYS[:3]), one.claim(KEYS[3:4])
    assert two.claim(KEYS[1:5]).keys == {KEYS[4]}
    assert list(two.others.values()) == [f"process {os.getpid()} on {os.uname().nodename}"]
    one.end(first)
    assert two.claim(KEYS[:4]).keys == set(KEYS[:3]), "the second claim holds"
    one.end(second)
    assert two.claim(KEYS[3:4]).keys == {KEYS[3]}


def test_the_file_of_a_process_holds_what_it_has_under_way_and_no_more(tmp_path):
    """Claims of all sizes come and go, as units do in a run of millions of cases."""
    one, two, live = UnderWay(tmp_path), UnderWay(tmp_path), []
    draw = random.Random(0)
    keys = iter(f"{number:064x}" for number in range(10**6))
    for _ in range(300):
        live.append(one.claim([next(keys) for _ in range(draw.choice([1, 3, 40]))]))
        if len(live) > 3:
            one.end(live.pop(draw.randrange(4)))
        held = {key for claim in live for key in claim.keys}
        other = two.claim([*held, "f" * 64])
        assert other.keys == {"f" * 64}
        two.end(other)
    sizes = [path.stat().st_size for path in (tmp_path / "started").glob("*.claims")]
    assert 0 < sum(sizes) < 64 * 40 * 8
    for claim in live:
        one.end(claim)
    assert [path.stat().st_size for path in (tmp_path / "started").glob("*.claims")] == [0, 0]
    one.close(), two.close()


def test_own_claims_stand_in_nobodys_own_way(tmp_path):
    one = UnderWay(tmp_path)
    assert one.claim(KEYS).keys == one.claim(KEYS).keys == set(KEYS)


def test_the_last_to_close_leaves_nothing(tmp_path):
    one, two = UnderWay(tmp_path), UnderWay(tmp_path)
    one.claim(KEYS[:1]), two.claim(KEYS[1:2])
    one.close()
    assert two.claim(KEYS[:1]).keys == {KEYS[0]}
    two.close()
    assert list(tmp_path.iterdir()) == []
    assert one.claim(KEYS[:1]).keys == {KEYS[0]}, "it may begin again"
    one.close()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_claims_of_a_killed_process_are_free_and_those_of_a_stopped_one_are_not(tmp_path, other, end):
    process = other(KEYS[:2])
    under_way = UnderWay(tmp_path)
    assert under_way.claim(KEYS[:3]).keys == {KEYS[2]}
    os.kill(process.pid, end)
    if end == signal.SIGKILL:
        process.wait()
    assert under_way.claim(KEYS[:2]).keys == (set(KEYS[:2]) if end == signal.SIGKILL else set())
    under_way.close()
    assert bool(list(tmp_path.iterdir())) == (end == signal.SIGSTOP)


def test_of_many_at_once_each_key_is_claimed_by_one(tmp_path):
    """Each claims, works, ends and closes; the folder comes and goes."""
    keys = [f"{number:064x}" for number in range(40)]

    def work(_: int) -> list[str]:
        under_way, done = UnderWay(tmp_path), []
        for key in keys:
            claim = under_way.claim([key])
            if claim.keys and not (tmp_path / key).exists():
                time.sleep(0.002)
                (tmp_path / key).touch()
                done.append(key)
            under_way.end(claim)
        under_way.close()
        return done

    with ThreadPoolExecutor(8) as pool:
        done = [key for some in pool.map(work, range(8)) for key in some]
    assert sorted(done) == keys and not (tmp_path / "started").exists()


def test_on_a_full_disk_everything_is_free_and_earlier_claims_stand(tmp_path, monkeypatch):
    one, two = UnderWay(tmp_path), UnderWay(tmp_path)
    first = one.claim(KEYS[:2])
    with monkeypatch.context() as patch:
        patch.setattr(underway.UnderWay, "_write", full)
        assert one.claim(KEYS[2:4]).keys == set(KEYS[2:4])
    assert two.claim(KEYS[:4]).keys == set(KEYS[2:4])
    one.end(first)
    assert two.claim(KEYS[:4]).keys == set(KEYS[:4])
    three = UnderWay(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(underway.os, "write", full)
        assert three.claim(KEYS[:2]).keys == set(KEYS[:2])
    assert three.claim(KEYS[:2]).keys == set(), "it enters when there is room again"
    for each in (one, two, three):
        each.close()
    assert list(tmp_path.iterdir()) == []


def full(*_):
    raise OSError(28, "No space left on device")


def test_where_nothing_can_be_written_everything_is_free(tmp_path):
    (tmp_path / "started").write_text("no folder")
    assert UnderWay(tmp_path).claim(KEYS).keys == set(KEYS)
