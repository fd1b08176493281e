"""Whose a KeyboardInterrupt is: the user's or a plugin's."""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest

from simbench.system import interrupts
from simbench.system.interrupts import watched


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["handled", "ignored"])
def handler(request):
    """The handler of SIGINT: Python's, or that of a process which a shell started in the background."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


def test_an_interruption_without_a_signal_is_a_plugin_s_in_any_process(handler):
    with watched():
        assert interrupts.watching() and not interrupts.pressed()
        with watched():
            assert interrupts.watching()
        assert interrupts.watching()
    assert not interrupts.watching() and signal.getsignal(signal.SIGINT) is handler


def test_a_signal_that_something_swallows_is_remembered():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with watched():
            with suppress(KeyboardInterrupt):  # as a plugin would
                signal.raise_signal(signal.SIGINT)
            assert interrupts.pressed()
            with pytest.raises(KeyboardInterrupt):
                interrupts.check()
        assert not interrupts.pressed()
    finally:
        signal.signal(signal.SIGINT, before)
