"""At a terminal the password is asked for twice and not shown."""

import os
import pty
import sys
from pathlib import Path

from tests.service.cli.conftest import Run


def read_until(terminal: int, words: bytes) -> bytes:
    seen = b""
    while words not in seen:
        seen += os.read(terminal, 1000)
    return seen


def read_rest(terminal: int) -> bytes:
    seen = b""
    try:
        while more := os.read(terminal, 1000):
            seen += more
    except OSError:  # how Linux says that the other end of a terminal was closed
        return seen
    return seen


def test_the_password_is_asked_for_twice_and_not_shown(cli: Run, data: Path) -> None:
    assert cli("domain", "add", "example.test").code == 0
    command = [sys.executable, "-m", "mailserver", "--data", str(data), "user", "add", "ann@example.test"]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, command)
    seen = read_until(terminal, b"Password: ")
    os.write(terminal, b"correct horse\n")
    seen += read_until(terminal, b"Repeat for confirmation: ")
    os.write(terminal, b"correct horse\n")
    seen += read_rest(terminal)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert b"Added ann@example.test" in seen
    assert b"horse" not in seen
