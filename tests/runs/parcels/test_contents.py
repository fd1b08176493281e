"""Contents in the cache of a worker: whole or not at all, and what their name says."""

from __future__ import annotations

import hashlib
import multiprocessing
from dataclasses import replace

import pytest

from simbench import InputError
from simbench.runs.parcels import contents
from simbench.runs.parcels.contents import Piece, cache_name, held, keep, place, read
from simbench.system.cache import contents as cached
from simbench.system.seals import sealed

DATA = bytes(range(256)) * 40
NAME = hashlib.sha256(DATA).hexdigest()


def pieces(data: bytes = DATA, most: int = 1000, name: str = NAME) -> list[Piece]:
    return [Piece(name, len(DATA), at, data[at : at + most], "weights of net-0") for at in range(0, len(data), most)]


def names() -> set[str]:
    return {path.name for path in place(NAME).parent.glob("*")}


def test_a_content_is_kept_under_its_hash_and_counted_by_the_cache(cache):
    assert not held(NAME)
    keep(pieces(most=len(DATA)))
    assert held(NAME) and read(NAME) == DATA and place(NAME).is_relative_to(cache)
    assert cached() == {"parcels": (1, len(DATA))}


@pytest.mark.parametrize("order", [1, -1])
def test_pieces_make_the_content_in_any_order_and_nothing_else_is_left(cache, order):
    first, *rest = pieces()[::order]
    keep([first])
    assert not held(NAME)
    keep(rest)
    assert read(NAME) == DATA and names() == {NAME}
    keep(pieces())  # once more
    assert names() == {NAME}


@pytest.mark.parametrize("most", [len(DATA), 1000])
def test_bytes_that_do_not_fit_their_name_are_refused(cache, most):
    wrong = b"x" + DATA[1:]
    with pytest.raises(InputError, match=rf"^weights of net-0 arrived with other bytes than its hash {NAME[:12]} says"):
        keep(pieces(wrong, most))
    assert not held(NAME) and not names()
    keep(pieces(most=most))
    assert read(NAME) == DATA


def test_a_piece_beyond_the_end_is_refused(cache):
    with pytest.raises(InputError, match="arrived with other bytes"):
        keep([replace(pieces()[0], start=len(DATA) - 10)])
    assert not names()


@pytest.mark.parametrize("name", ["../" + NAME, NAME[:-1], NAME + ".pt", "data-../x", "", NAME.upper()])
def test_a_name_that_leads_elsewhere_is_refused(cache, name):
    with pytest.raises(InputError, match="is no name of a content"):
        keep([Piece(name, 1, 0, b"x")])


def test_a_damaged_content_is_not_held_and_is_replaced(cache):
    keep(pieces())
    place(NAME).write_bytes(b"y" + DATA[1:])
    assert not held(NAME)
    keep(pieces())
    assert read(NAME) == DATA


def test_the_list_of_a_data_set_must_name_its_fingerprint(cache):
    fits, other = (sealed({"fingerprint": told, "splits": {}}).encode() for told in ("f", "g"))
    name = "data-" + hashlib.sha256(b"f").hexdigest()
    for wrong in (other, fits.replace(b'"f"', b'"e"'), b"[]"):
        with pytest.raises(InputError, match="arrived with other bytes"):
            keep([Piece(name, len(wrong), 0, wrong)])
    keep([Piece(name, len(fits), 0, fits)])
    assert held(name)


def _kept(mine: list[Piece]) -> tuple[str, bool]:
    for piece in mine:
        contents.keep([piece])
    return cache_name(), held(NAME)


def test_processes_of_one_machine_share_a_cache_without_tearing(cache):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        found = pool.map(_kept, [pieces(most=700)] * 8, chunksize=1)
    assert len({name for name, _ in found}) == 1
    assert read(NAME) == DATA and names() == {NAME, "name.json"}
