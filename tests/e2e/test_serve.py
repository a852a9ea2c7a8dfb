"""`mailserver serve` as systemd runs it: ready when it accepts, reloaded by SIGHUP, stopped by SIGTERM."""

import json
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailserver.tls import self_signed
from tests.daemon import wait_until

CONFIG = """
[server]
hostname = "mail.example.test"
data = "data"

[log]
format = "json"
file = "server.log"

[tls]
certificate = "tls/certificate.pem"
key = "tls/key.pem"
"""
FACES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s")


@dataclass(slots=True)
class Served:
    process: "subprocess.Popen[bytes]"
    folder: Path
    systemd: socket.socket

    def events(self, event: str, log: str = "server.log") -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in (self.folder / log).read_text().splitlines()]
        return [line for line in lines if line["event"] == event]

    def heard(self) -> str:
        return self.systemd.recv(4096).decode()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    self_signed.ensure(tmp_path / "tls", ["mail.example.test"], datetime.now(UTC))
    (tmp_path / "mailserver.toml").write_text(CONFIG)
    environ = {f"MAILSERVER__LISTENERS__{face.upper()}__PORT": "0" for face in FACES}
    environ |= {f"MAILSERVER__LISTENERS__{face.upper()}__ADDRESSES": "127.0.0.1" for face in FACES}
    environ |= {"MAILSERVER__WEB__PORT": "0"}
    environ |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(30)
        command = [sys.executable, "-m", "mailserver", "serve", "--config", str(tmp_path / "mailserver.toml")]
        process = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            yield Served(process, tmp_path, systemd)
            if process.poll() is None:
                process.kill()


def test_it_is_ready_watched_reloaded_and_stopped(served: Served) -> None:
    assert served.heard().startswith("READY=1\nSTATUS=Serving smtp on ")
    [ready] = served.events("ready")
    with smtplib.SMTP("127.0.0.1", ready["smtp"]) as client:
        assert b"mail.example.test" in client.ehlo()[1]
    assert served.heard() == "WATCHDOG=1"

    (served.folder / "server.log").rename(served.folder / "server.log.1")
    served.process.send_signal(signal.SIGHUP)
    heard = [served.heard() for _ in range(3)]
    assert any(each.startswith("RELOADING=1\nMONOTONIC_USEC=") for each in heard)
    wait_until(lambda: (served.folder / "server.log").exists() and served.events("reloaded"))
    assert not served.events("reloaded", "server.log.1")

    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(30) == 0
    assert served.events("stopped")
    assert served.process.stdout is not None
    assert served.process.stderr is not None
    assert served.process.stdout.read() + served.process.stderr.read() == b""


def test_a_reload_takes_up_limits_and_says_what_waits(served: Served) -> None:
    served.heard()
    [ready] = served.events("ready")

    def limits_met() -> tuple[str, bytes]:
        """The size SMTP announces, and what the second IMAP connection of an address hears."""
        with (
            smtplib.SMTP("127.0.0.1", ready["smtp"]) as smtp,
            socket.create_connection(("127.0.0.1", ready["imap"])) as first,
        ):
            smtp.ehlo()
            first.recv(1000)
            with socket.create_connection(("127.0.0.1", ready["imap"])) as second:
                return smtp.esmtp_features["size"], second.recv(1000)[:5]

    assert limits_met() == ("26214400", b"* OK ")
    limits = "smtp.max_message_octets = 4096\nimap.max_connections_per_address = 1\nstore.readers = 5\n"
    (served.folder / "mailserver.toml").write_text(limits + CONFIG)
    served.process.send_signal(signal.SIGHUP)
    wait_until(lambda: served.events("reloaded"))
    assert limits_met() == ("4096", b"* BYE")
    assert [line["keys"] for line in served.events("changes that wait for a restart")] == [["store.readers"]]
    (served.folder / "mailserver.toml").write_text("smtp.max_message_octets = 1\n" + CONFIG)
    served.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(served.events("reloaded")) == 2)
    [line] = served.events("configuration not reloaded")
    assert line["faults"] == ["smtp.max_message_octets = 1: must be 1024 to 104857600"]
    assert limits_met() == ("4096", b"* BYE")


def test_a_client_that_stays_does_not_hold_up_the_stop(served: Served) -> None:
    served.heard()
    [ready] = served.events("ready")
    with (
        socket.create_connection(("127.0.0.1", ready["smtp"])) as smtp,
        socket.create_connection(("127.0.0.1", ready["imap"])) as imap,
    ):
        assert smtp.recv(100).startswith(b"220 ")
        assert imap.recv(1000).startswith(b"* OK ")
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(15) == 0
        assert smtp.recv(200).startswith(b"421 ")
        assert imap.recv(200).startswith(b"* BYE ")


@pytest.mark.parametrize(
    ("text", "faults"),
    [("", 1), ('server.hostname = "a.test"\nsmtp.x = 1\nimap.y = 2\n', 2), ("not toml", 1)],
)
def test_a_wrong_configuration_is_explained_and_nothing_starts(tmp_path: Path, text: str, faults: int) -> None:
    (tmp_path / "mailserver.toml").write_text(text)
    command = [sys.executable, "-m", "mailserver", "serve", "--config", str(tmp_path / "mailserver.toml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == faults
    assert all(line.startswith("mailserver: config: ") for line in done.stderr.splitlines())
