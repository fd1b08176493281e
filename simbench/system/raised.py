"""What plugins raised: in one line of text that can always be written, and as an exception that ends no program."""

from __future__ import annotations

import traceback

#: Most characters of a message, and of a traceback.
LONGEST, LONGEST_TRACE = 500, 50_000


class Ended(Exception):
    """A plugin raised an exception that would end the program, such as SystemExit: a failure of that plugin alone."""


def ended(raised: BaseException) -> Ended:
    """An `Ended` that says what was raised."""
    return Ended(f"{told(raised)} was raised, which would have ended the program")


def told(error: BaseException) -> str:
    """Kind and message of an exception in one clean line, whatever its `__str__` does.

    >>> told(ValueError("two\\nlines")), told(KeyError())
    ('ValueError: two lines', 'KeyError: no message')
    """
    return clean(f"{type(error).__name__}: {message(error)}")


def message(error: BaseException) -> str:
    """The message of an exception in one clean line, without its kind."""
    try:
        text = str(error)
    except BaseException as another:  # the exception is a plugin's, and so is what its text raises
        return f"no message: its __str__ raised {type(another).__name__}"
    return clean(text) or "no message"


def trace(error: BaseException) -> str:
    """The traceback of an exception that was caught, in text that can be written. Of a long one, the end."""
    try:
        text = "".join(traceback.format_exception(error))
    except Exception as another:
        text = f"{type(error).__name__}: its traceback cannot be shown ({type(another).__name__})\n"
    return writable(text)[-LONGEST_TRACE:]


def clean(text: str, longest: int = LONGEST) -> str:
    """Text in one line of at most `longest` characters, all of which can be printed and written in UTF-8.

    >>> clean("a\\tb\\n c"), clean("\\ud800\\x1b["), clean("abcdefgh", longest=6)
    ('a b c', '\\\\ud800\\\\x1b[', 'abc...')
    """
    head = str.__str__(text)[: 4 * longest]  # the rest would be cut anyway
    line = "".join(c if c.isprintable() else _escaped(c) for c in " ".join(head.split()))
    whole = len(line) <= longest and len(head) == len(text)
    return line if whole else line[: longest - 3] + "..."


def shortened(text: str, longest: int = LONGEST) -> str:
    """Text in one line as by `clean`, of which the middle is cut: a message begins with what is wrong, and ends with
    what to do.

    >>> shortened("a name of many letters is wrong; rename it", longest=23)
    'a name of...; rename it'
    """
    if len(text) <= longest and clean(text, longest) == text:
        return text
    line = clean(text, 4 * max(len(text), longest))
    tail = (longest - 3) * 11 // 20
    return line if len(line) <= longest else line[: longest - 3 - tail].rstrip() + "..." + line[-tail:]


def writable(text: str) -> str:
    """Text with lone surrogates, which UTF-8 cannot write, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode()


def _escaped(letter: str) -> str:
    return letter.encode("ascii", "backslashreplace").decode() if ord(letter) > 127 else f"\\x{ord(letter):02x}"
