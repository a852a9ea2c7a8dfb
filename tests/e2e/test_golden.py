"""The whole loop with the installed program: set up, receive, fetch, answer, restart. Nothing is faked but the world.

`mailserver serve` on loopback with a certificate of its own, swaks as the peer and as the mail program that sends,
mbsync as the one that reads.
"""

import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from imapclient import IMAPClient

from mailserver.tls import self_signed
from tests.daemon import free_port_base, wait_until

FACES = {"smtp": 25, "submission": 87, "submissions": 65, "imap": 43, "imaps": 93, "pop3": 10, "pop3s": 95}
PASSWORDS = {"ann@example.test": "ann's long password", "ben@example.test": "ben's long password"}


@dataclass(slots=True)
class Server:
    folder: Path
    base: int
    ca: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def config(self) -> Path:
        return self.folder / "mailserver.toml"

    def run(self, *words: str, stdin: str = "", check: bool = True) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mailserver", "--config", str(self.config), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=check, timeout=30)

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        command = [sys.executable, "-m", "mailserver", "--config", str(self.config), "serve"]
        self.process = subprocess.Popen(command, stderr=log, stdout=log)
        log.close()
        wait_until(lambda: (self.folder / "log").read_text().count("ready") > self.readies, 30)
        self.readies += 1

    readies: int = 0

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(35)
        self.process = None
        return code

    def imap(self, user: str) -> IMAPClient:
        context = ssl.create_default_context(cafile=str(self.ca))
        client = IMAPClient("localhost", self.base + 93, ssl=True, ssl_context=context, timeout=20)
        client.login(user, PASSWORDS[user])
        return client


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    base = free_port_base()
    made = self_signed.ensure(tmp_path / "tls", ["mail.example.test", "localhost", "127.0.0.1"], datetime.now(UTC))
    (tmp_path / "mailserver.toml").write_text(
        f"""
[server]
hostname = "mail.example.test"
data = "{tmp_path}/data"
[tls]
certificate = "{made.certificate}"
key = "{made.key}"
[store]
min_free_bytes = 0
[web]
port = 0
"""
        + "".join(
            f'[listeners.{face}]\naddresses = ["127.0.0.1"]\nport = {base + offset}\n' for face, offset in FACES.items()
        )
    )
    server = Server(tmp_path, base, made.ca)
    yield server
    if server.process is not None:
        server.process.kill()
        server.process.wait()


def swaks(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["swaks", "--silent", "2", *words], capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.timeout(180)
def test_the_mail_loop(server: Server, tmp_path: Path) -> None:
    server.run("domain", "add", "example.test")
    for address, password in PASSWORDS.items():
        server.run("user", "add", address, "--password-stdin", stdin=password + "\n")
    server.run("alias", "add", "info@example.test", "ann@example.test")
    assert "ann@example.test" in server.run("user", "list", "--json").stdout
    server.start()
    ann = server.imap("ann@example.test")
    ann.select_folder("INBOX")
    ann.idle()

    # received over 25 with STARTTLS, seen by IDLE within a moment
    sent = time.monotonic()
    done = swaks("--server", "127.0.0.1", "--port", str(server.base + 25), "--tls", "--from", "zoe@peer.test",
                 "--to", "info@example.test", "--header", "Subject: Hello Ann", "--body", "How are you?")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (1, b"EXISTS") in ann.idle_check(timeout=5)
    assert time.monotonic() - sent < 3
    ann.idle_done()

    # never a relay
    relay = swaks(
        "--server", "127.0.0.1", "--port", str(server.base + 25), "--from", "a@peer.test", "--to", "b@peer.test"
    )
    assert relay.returncode != 0
    assert "550 5.7.1" in relay.stdout + relay.stderr

    # fetched by mbsync, with the trace of its way
    local = tmp_path / "ann"
    rc = tmp_path / "mbsyncrc"
    local.mkdir()
    rc.write_text(
        f"IMAPStore far\nHost localhost\nPort {server.base + 43}\nUser ann@example.test\n"
        f'Pass "{PASSWORDS["ann@example.test"]}"\nSSLType STARTTLS\nCertificateFile {server.ca}\n\n'
        f"MaildirStore near\nPath {local}/\nInbox {local}/INBOX\n\n"
        "Channel all\nFar :far:\nNear :near:\nPatterns INBOX\nCreate Near\nSyncState *\n"
    )
    subprocess.run(["mbsync", "-c", rc, "-a"], check=True, timeout=30)
    [letter] = (local / "INBOX" / "new").iterdir()
    text = letter.read_text()
    assert text.startswith("Return-Path: <zoe@peer.test>\n")
    assert "Delivered-To:" in text
    assert "with ESMTPS" in text

    # answered over 587: to the other local account at once, to the remote one by way of the queue
    ben = server.imap("ben@example.test")
    ben.select_folder("INBOX")
    ben.idle()
    login = ["--auth", "PLAIN", "--auth-user", "ann@example.test", "--auth-password", PASSWORDS["ann@example.test"]]
    submission = ["--server", "127.0.0.1", "--port", str(server.base + 87)]
    done = swaks(*submission, "--tls", *login, "--from", "ann@example.test", "--to", "ben@example.test,zoe@peer.test",
                 "--header", "Subject: Re: Hello Ann", "--body", "Fine, thanks.")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert (1, b"EXISTS") in ben.idle_check(timeout=5)
    ben.idle_done()
    [queued] = json.loads(server.run("queue", "list", "--json").stdout)
    assert queued["recipient"] == "zoe@peer.test"
    assert queued["sender"] == "ann@example.test"
    assert swaks(*submission, *login, "--from", "ann@example.test", "--to", "ben@example.test").returncode != 0, (
        "a login without TLS"
    )

    # the command line while it runs: ben is out at once
    server.run("user", "disable", "ben@example.test")
    with pytest.raises((OSError, IMAPClient.Error)):
        for _ in range(50):
            ben.noop()
            time.sleep(0.1)
    ben.shutdown()
    server.run("user", "enable", "ben@example.test")

    # flags, then a stop and a start: everything is where it was
    ann.add_flags(ann.search(), [b"\\Flagged"])
    before = (ann.search(), ann.fetch(ann.search(), ["BODY.PEEK[]", "FLAGS"]))
    assert server.stop() == 0
    ann.shutdown()
    server.start()
    again = server.imap("ann@example.test")
    again.select_folder("INBOX")
    after = (again.search(), again.fetch(again.search(), ["BODY.PEEK[]", "FLAGS"]))
    assert _comparable(before) == _comparable(after)
    assert json.loads(server.run("queue", "list", "--json").stdout) == [queued]
    again.logout()
    assert server.run("fsck").returncode == 0
    assert server.stop() == 0
    assert "Traceback" not in (server.folder / "log").read_text()


def test_a_second_server_on_the_same_data_is_refused_in_one_line(server: Server) -> None:
    server.start()
    second = server.run("serve", check=False)
    assert second.returncode != 0
    assert second.stderr.strip().splitlines()[-1].startswith("mailserver: ")
    assert "Traceback" not in second.stderr
    assert server.stop() == 0


def _comparable(state: tuple[list[int], dict[int, dict[bytes, object]]]) -> object:
    uids, rows = state
    return uids, {uid: (row[b"BODY[]"], {*row[b"FLAGS"]} - {b"\\Recent"}) for uid, row in rows.items()}  # type: ignore[misc]
