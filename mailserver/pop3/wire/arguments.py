"""Arguments of commands: octets become values, or BadSyntax says what was expected. RFC 1939 §9."""

import re

MAX_DIGITS = 10  # of a number; a maildrop never has so many messages, a message never so many lines

_NUMBER = re.compile(rb"[0-9]{1,%d}" % MAX_DIGITS)


class BadSyntax(Exception):  # noqa: N818 - an answer for the client
    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


def nothing(argument: bytes) -> None:
    if argument.strip():
        raise BadSyntax("This command takes no argument")


def number(argument: bytes) -> int:
    """A message number as the client wrote it; whether there is such a message is another question."""
    [value] = _numbers(argument, 1, "a message number")
    return value


def number_or_nothing(argument: bytes) -> int | None:
    return number(argument) if argument.strip() else None


def number_and_lines(argument: bytes) -> tuple[int, int]:
    message, lines = _numbers(argument, 2, "a message number and a count of lines")
    return message, lines


def text(argument: bytes) -> str:
    """One argument that is not empty, as UTF-8. RFC 6856 §2.2"""
    if not argument:
        raise BadSyntax("An argument is missing")
    if b"\r" in argument:  # of a line that ended in CR CR LF
        raise BadSyntax("CR in the argument")
    return utf8(argument)


def utf8(octets: bytes) -> str:
    """Credentials; what is not UTF-8 can not be right, and fails like a wrong password."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return "\0"


def _numbers(argument: bytes, count: int, expected: str) -> list[int]:
    words = argument.split()
    if len(words) != count or not all(map(_NUMBER.fullmatch, words)):
        raise BadSyntax(f"Expected {expected}")
    return [int(word) for word in words]
