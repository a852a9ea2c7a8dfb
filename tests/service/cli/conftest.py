"""The command line in process: arguments in, exit code and output out."""

import io
import logging
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from mailserver.cli import main
from tests.schema import migrated


@dataclass(frozen=True, slots=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


Run = Callable[..., Outcome]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command with exactly these arguments."""
    root = logging.getLogger()
    handlers, level, umask = root.handlers[:], root.level, os.umask(0o022)

    def run(*arguments: str, stdin: bytes = b"") -> Outcome:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = main.run(lambda: main.cli.main(list(arguments), prog_name="mailserver", standalone_mode=False))
        return Outcome(code, *capsys.readouterr())

    monkeypatch.delenv("MAILSERVER_DEBUG", raising=False)
    monkeypatch.delenv("MAILSERVER_CONFIG", raising=False)
    yield run
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    os.umask(umask)


@pytest.fixture
def cli(bare: Run, data: Path) -> Run:
    """`bare` on a data folder that has its schema."""
    migrated(data)
    return bare


@pytest.fixture
def bare(raw: Run, data: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on a data folder of the test's own that is not there yet; passwords are hashed cheaply."""
    monkeypatch.setenv("MAILSERVER__AUTH__ARGON2_MEMORY_KIB", "128")
    monkeypatch.setenv("MAILSERVER__AUTH__ARGON2_TIME_COST", "1")
    return lambda *arguments, stdin=b"": raw("--data", str(data), *arguments, stdin=stdin)


@pytest.fixture
def ann(cli: Run) -> str:
    """An account in a domain of its own."""
    assert cli("domain", "add", "example.test").code == 0
    assert cli("user", "add", "ann@example.test", "--password-stdin", stdin=b"correct horse\n").code == 0
    return "ann@example.test"
