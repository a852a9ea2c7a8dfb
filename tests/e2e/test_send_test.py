"""`mailserver send-test` against servers that take, put off and refuse: all is shown, and the exit code says it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.authority import Authority
from tests.sinks import Sink
from tests.zone import Zone

ADDRESS = "bob@example.net"
HOSTNAME = "mail.example.test"


@dataclass(frozen=True)
class Printed:
    code: int
    out: str
    err: str


@dataclass
class World:
    data: Path
    zone: Zone
    authorities: Path

    async def run(self, *words: str, port: int = 1) -> Printed:
        settings: Mapping[str, str] = {
            "SERVER__HOSTNAME": HOSTNAME,
            "DNS__SERVERS": f'["127.0.0.1:{self.zone.port}"]',
            "OUTBOUND__PORT": str(port),
            "OUTBOUND__IPV6": "false",
            "OUTBOUND_TLS__AUTHORITIES": str(self.authorities),
            "STORE__MIN_FREE_BYTES": "0",
        }
        environ = os.environ | {f"MAILSERVER__{name}": value for name, value in settings.items()}
        command = [sys.executable, "-m", "mailserver", "--data", str(self.data), *words]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environ
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return Printed(process.returncode, out.decode(), err.decode())

    def lead(self, sink: Sink) -> None:
        self.zone.set("example.net", "MX", "10 mx.example.net.")
        self.zone.set("mx.example.net", "A", sink.address)


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def world(tmp_path: Path, authority: Authority) -> AsyncIterator[World]:
    (tmp_path / "authorities.pem").write_bytes(authority.pem)
    async with Zone() as zone:
        world = World(tmp_path / "data", zone, tmp_path / "authorities.pem")
        assert (await world.run("domain", "add", "example.test")).code == 0
        assert (await world.run("alias", "add", "info@example.test", "x@elsewhere.test")).code == 0
        yield world


async def test_the_conversation_and_its_tls_are_shown(world: World, authority: Authority) -> None:
    async with Sink(tls=authority.issue("mx.example.net").server_context()) as sink:
        world.lead(sink)
        done = await world.run("send-test", ADDRESS, "--from", "info@example.test", port=sink.port)
        [message] = sink.messages
    assert done.code == 0, done.out + done.err
    lines = done.out.splitlines()
    for line in (
        "-- Hosts: mx.example.net",
        f"-- Connecting to mx.example.net [{sink.address}]:{sink.port}",
        f"C: EHLO {HOSTNAME}",
        "C: STARTTLS",
        "C: MAIL FROM:<info@example.test>",
        "C: RCPT TO:<bob@example.net>",
        "C: DATA",
        "C: .",
    ):
        assert any(each.startswith(line) for each in lines), f"{line}\n{done.out}"
    assert any(line.startswith("S: 220 ") for line in lines)
    assert "Delivered" in lines
    [tls] = [line for line in lines if line.startswith("TLS: ")]
    assert "TLSv1.3" in tls
    assert message.tls is not None
    assert (message.sender, message.recipients) == ("info@example.test", (ADDRESS,))
    parsed = message_from_bytes(message.content)
    assert parsed["Subject"] == f"Test message from {HOSTNAME}"
    assert parsed["From"] == "<info@example.test>"
    rows = json.loads((await world.run("queue", "list", "--json")).out)
    assert [(row["recipient"], row["state"]) for row in rows] == [(ADDRESS, "delivered")]


@pytest.mark.parametrize(
    ("at", "code", "words", "state"),
    [
        ({"RCPT": "450 4.2.1 come back\x07 later"}, 75, "Not now", "cancelled"),
        ({"RCPT": "550 5.1.1 nobody of that name"}, 69, "Refused for good", "bounced"),
        ({"CONNECT": "554 5.7.1 not you"}, 69, "Refused for good", "bounced"),
    ],
)
async def test_the_verdict_is_in_words_and_in_the_exit_code(
    world: World, at: Mapping[str, str], code: int, words: str, state: str
) -> None:
    async with Sink(at=dict(at)) as sink:
        world.lead(sink)
        done = await world.run("send-test", ADDRESS, port=sink.port)
    assert done.code == code, done.out + done.err
    assert words in done.out
    assert "\x07" not in done.out
    assert f"Answer: {next(iter(at.values())).partition(' ')[0]}" in done.out
    [row] = json.loads((await world.run("queue", "list", "--json")).out)
    assert row["state"] == state, "it is tried once"
    [tried] = json.loads((await world.run("queue", "show", str(row["id"]), "--json")).out)["attempts_made"]
    assert tried["host"] == "mx.example.net"
    assert list((world.data / "spool").iterdir()) == []


async def test_what_can_not_be_tried_is_one_line(world: World) -> None:
    for words, code, line in (
        (("info@example.test",), 65, "info@example.test is on this server"),
        (("nobody@example.test",), 67, "No such user here"),
        (("no address",), 65, "an address has an '@'"),
        ((ADDRESS, "--require-tls", "--no-tls-policy"), 64, "contradict"),
    ):
        done = await world.run("send-test", *words)
        assert (done.code, done.out) == (code, ""), done
        assert line in done.err
        assert len(done.err.splitlines()) == 1
    assert (await world.run("queue", "list")).out == ""


async def test_a_domain_that_takes_no_mail_is_named(world: World) -> None:
    world.zone.set("example.net", "MX", "0 .")
    done = await world.run("send-test", ADDRESS)
    assert done.code == 69
    assert "Refused for good" in done.out
    assert "5.1.10" in done.out


async def test_required_tls_is_not_done_without(world: World) -> None:
    async with Sink() as sink:
        world.lead(sink)
        done = await world.run("send-test", ADDRESS, "--require-tls", port=sink.port)
        assert sink.messages == []
    assert done.code == 69, done.out
    assert "Refused for good" in done.out
