"""Passwords come from a prompt or from standard input, never from an argument that `ps` shows."""

import sys

import click

from mailserver.errors import BadValue

MAX_LINE_OCTETS = 2048  # more than any password that is accepted

stdin_option = click.option(
    "--password-stdin", is_flag=True, help="Read the password from the first line of standard input."
)


def read_password(from_stdin: bool) -> str:
    """One line without its end; whether it is long enough is for who hashes it. Raises BadValue."""
    password = _from_stdin() if from_stdin else _from_prompt()
    if not password.isprintable():
        raise BadValue("The password holds control characters that mail programs can not send")
    return password


def _from_stdin() -> str:
    line = sys.stdin.buffer.readline(MAX_LINE_OCTETS)
    try:
        return line.removesuffix(b"\n").removesuffix(b"\r").decode()
    except UnicodeDecodeError:
        raise BadValue("The password on standard input is not UTF-8") from None


def _from_prompt() -> str:
    if not sys.stdin.isatty():
        raise BadValue("There is no terminal to ask for the password; use --password-stdin")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
