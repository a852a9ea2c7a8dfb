"""`mailserver serve` on a household of two, with any setting and any place for its data."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailserver.tls import self_signed
from tests.daemon import wait_until

START_SECONDS = 30.0
STOP_SECONDS = 30.0  # spec of SIGTERM
PASSWORD = "a long enough password"
ANN, BEN = "ann@example.test", "ben@example.test"
FACES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "https")


@dataclass(slots=True)
class Served:
    folder: Path
    process: "subprocess.Popen[bytes]"
    pid: int  # of the server itself, where something was started around it
    ports: dict[str, int]

    @property
    def data(self) -> Path:
        """As the server sees it, whatever is mounted there."""
        return Path(f"/proc/{self.pid}/root{self.folder}/data")

    @property
    def certificate(self) -> Path:
        return self.folder / "tls" / "certificate.pem"

    def events(self, event: str) -> list[dict[str, Any]]:
        return [line for line in log_of(self.folder) if line["event"] == event]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)


def furnish(folder: Path) -> None:
    """Configuration, certificate and two accounts, made with the command line."""
    self_signed.ensure(folder / "tls", ["mail.example.test"], datetime.now(UTC))
    listeners = "[web]\nport = 0\n"
    listeners += "".join(f'[listeners.{face}]\naddresses = ["127.0.0.1"]\nport = 0\n' for face in FACES)
    (folder / "mailserver.toml").write_text(
        f"""
server = {{ hostname = "mail.example.test", data = "data" }}
log = {{ format = "json", file = "server.log" }}
tls = {{ certificate = "tls/certificate.pem", key = "tls/key.pem" }}
smtp = {{ allow_plain_auth = true }}
imap = {{ allow_plain_auth = true }}
pop3 = {{ allow_plain_auth = true }}
store = {{ min_free_bytes = 0 }}
auth = {{ argon2_memory_kib = 8192 }}
{listeners}"""
    )
    subprocess.run([*command(folder), "domain", "add", "example.test"], check=True, capture_output=True)
    for address in (ANN, BEN):
        words = ["user", "add", address, "--password-stdin"]
        subprocess.run([*command(folder), *words], input=PASSWORD.encode(), check=True, capture_output=True)


def command(folder: Path) -> list[str]:
    """The command line of this household."""
    return [sys.executable, "-m", "mailserver", "--config", str(folder / "mailserver.toml")]


@contextlib.contextmanager
def served(folder: Path, around: Callable[[Path], list[str]] = lambda _: [], **settings: object) -> Iterator[Served]:
    """`around`: words of a command that runs the server; `settings`: store__min_free_bytes=0 and so on."""
    seen = len(log_of(folder))
    environ = os.environ | {f"MAILSERVER__{key.upper()}": str(value) for key, value in settings.items()}
    with subprocess.Popen(
        [*around(folder), *command(folder), "serve"], env=environ, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_until(lambda: _ready(folder, seen) or process.poll() is not None, START_SECONDS)
            ready = _ready(folder, seen)
            assert ready, f"it did not start: {log_of(folder)[seen:]}"
            yield Served(folder, process, process.pid, {face: ready[0][face] for face in FACES})
        finally:
            process.kill()


def _ready(folder: Path, seen: int) -> list[dict[str, Any]]:
    return [line for line in log_of(folder)[seen:] if line["event"] == "ready"]


def log_of(folder: Path) -> list[dict[str, Any]]:
    log = folder / "server.log"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def copied(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to, symlinks=True)
    return to
