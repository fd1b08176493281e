"""What plugins raise: told in one line that can be written, and never the end of the program."""

from __future__ import annotations

import os
import signal

import pytest

from simbench.system import interrupts
from simbench.system.interrupts import watched
from simbench.system.raised import LONGEST, Ended, clean, message, shortened, told, trace
from simbench.system.surroundings import abroad, at_home


@pytest.fixture(autouse=True)
def handled():
    """SIGINT is handled as Python does, also where a shell started this process in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Mute(Exception):
    def __str__(self):
        raise SystemExit(3)


def test_an_exception_whose_text_raises_is_told_by_its_kind():
    assert told(Mute()) == "Mute: no message: its __str__ raised SystemExit"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\ud800 lone", "\\ud800 lone"),
        ("two\nlines\tand  blanks", "two lines and blanks"),
        ("\x1b[2J\x00\x85", "\\x1b[2J\\x00"),
        ("ρ × −", "ρ × −"),
        ("", "no message"),
    ],
)
def test_a_message_is_one_line_that_can_be_written(text, shown):
    told_text = message(ValueError(text))
    assert told_text == shown and told_text.encode() and told_text.isprintable()


def test_a_long_message_is_cut():
    assert len(clean("x" * 10**6)) == LONGEST and clean("x" * 501).endswith("...") and clean("x" * 500) == "x" * 500


def test_a_traceback_can_be_written_whatever_was_raised():
    try:
        raise Mute("\ud800") from ValueError("\udfff")
    except Mute as error:
        text = trace(error)
    assert "test_raised.py" in text and text.encode()


@pytest.mark.parametrize("error", [SystemExit(0), GeneratorExit(), type("Own", (BaseException,), {})("mine")])
def test_what_would_end_the_program_is_a_failure(error):
    with pytest.raises(Ended, match=f"^{type(error).__name__}: .* was raised") as caught, abroad():
        raise error
    assert caught.value.__cause__ is error


def test_a_keyboard_interrupt_that_nobody_typed_is_a_failure():
    with watched(), pytest.raises(Ended, match="KeyboardInterrupt"), abroad():
        raise KeyboardInterrupt


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000):  # the handler runs between two of these
        pass


def test_a_keyboard_interrupt_of_the_user_gets_through():
    with pytest.raises(KeyboardInterrupt), watched(), abroad():
        press()


@pytest.mark.parametrize("instead", [None, SystemExit(0), RuntimeError("no")])
def test_a_plugin_does_not_swallow_the_users_interruption(instead):
    with pytest.raises(KeyboardInterrupt), watched(), abroad():
        try:
            press()
        except KeyboardInterrupt:
            if instead is not None:
                raise instead from None


def test_an_interruption_while_a_plugin_calls_the_host_back_gets_through():
    with pytest.raises(KeyboardInterrupt), watched(), abroad():
        try:
            with at_home(), abroad():
                press()
        except KeyboardInterrupt:
            pass


def test_a_plugin_that_ignores_interruptions_does_so_for_its_call_alone():
    with watched():
        before = signal.getsignal(signal.SIGINT)
        with abroad() as changed:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        assert signal.getsignal(signal.SIGINT) is before and changed == ["the handler of SIGINT"]


def test_what_was_before_is_back_after_watching():
    before = signal.getsignal(signal.SIGINT)
    with watched(), watched():
        assert interrupts.watching()
    assert signal.getsignal(signal.SIGINT) is before and not interrupts.watching() and not interrupts.pressed()


def test_of_a_long_message_beginning_and_end_are_kept():
    text = "begin " + "x" * 10**5 + " end"
    short = shortened(text)
    assert len(short) == LONGEST and short.startswith("begin x") and short.endswith("x end") and "..." in short
    assert shortened("x" * 500) == "x" * 500 and shortened("two\nlines\x1b") == "two lines\\x1b"
