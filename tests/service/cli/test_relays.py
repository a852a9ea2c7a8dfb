"""`mailserver relay` and `mailserver domain source`."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.authority import Authority, self_signed
from tests.service.cli.conftest import Run
from tests.sinks import Sink


@contextmanager
def running(sink: Sink) -> Iterator[None]:
    """In a thread of its own: the command has its own loop."""
    ready, loop = threading.Event(), asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        async with sink:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert ready.wait(10)
    yield
    loop.call_soon_threadsafe(done.set)
    thread.join(10)
    loop.close()


def test_relays_are_set_listed_and_removed(cli: Run) -> None:
    assert cli("domain", "add", "example.test").code == 0
    assert cli("relay", "list").out == ""
    made = cli("relay", "set", "Relay.Example", "--username", "ann", "--password-stdin", stdin=b"correct horse\n")
    assert made.out == "Mail of every domain goes over relay.example:587, with STARTTLS\n"
    own = cli("relay", "set", "192.0.2.1", "--domain", "example.test", "--tls", "implicit", "--no-verify")
    assert own.out == "Mail of example.test goes over 192.0.2.1:465, with TLS from the start\n"
    assert cli("relay", "list").rows == [
        ["all", "relay.example", "587", "starttls", "ann", "yes"],
        ["example.test", "192.0.2.1", "465", "implicit", "", "no"],
    ]
    listed = cli("relay", "list", "--json").out
    assert "correct" not in listed
    assert "password" not in listed
    assert [each["port"] for each in json.loads(listed)] == [587, 465]
    assert cli("relay", "set", "other.example", "--port", "2525").code == 0
    assert cli("relay", "list").rows[0] == ["all", "other.example", "2525", "starttls", "", "yes"]
    assert cli("relay", "remove", "--domain", "example.test").code == 0
    again = cli("relay", "remove", "--domain", "example.test")
    assert (again.code, again.err) == (65, "mailserver: No relay is set for example.test\n")
    assert cli("relay", "remove").code == 0
    assert cli("relay", "list").out == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("set", "relay.example", "--tls", "none"), 65, "has to be on this machine"),
        (("set", "relay.example", "--domain", "nowhere.example"), 67, "No such domain"),
        (("set", "192.0.2.1"), 65, "name the host instead of 192.0.2.1"),
        (("set", "relay example"), 65, "Not a host name"),
        (("set", "relay.example", "--port", "99999"), 65, "1 to 65535"),
        (("set", "relay.example", "--username", "ann"), 65, "use --password-stdin"),
        (("test",), 65, "No relay is set for all domains"),
    ],
)
def test_what_can_not_be_is_refused_in_words(cli: Run, arguments: tuple[str, ...], code: int, words: str) -> None:
    outcome = cli("relay", *arguments)
    assert outcome.code == code
    assert words in outcome.err
    assert cli("relay", "list").out == ""


def test_a_relay_is_tried_out_loud(cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.pem").write_bytes(Authority().pem)
    monkeypatch.setenv("MAILSERVER__OUTBOUND_TLS__AUTHORITIES", str(tmp_path / "ca.pem"))
    sink = Sink(logins={"ann": "correct horse"}, tls=self_signed("relay.example").server_context())
    with running(sink):
        login = ("--username", "ann", "--password-stdin", "--no-verify")
        cli("relay", "set", "127.0.0.2", "--port", str(sink.port), *login, stdin=b"correct horse\n")
        outcome = cli("relay", "test")
        assert outcome.code == 0
        assert outcome.out.splitlines()[-1] == "The relay is ready for mail"
        assert "C: AUTH PLAIN ***\n" in outcome.out
        assert "Y29ycmVjdC" not in outcome.out
        cli("relay", "set", "127.0.0.2", "--port", str(sink.port), *login, stdin=b"wrong\n")
        outcome = cli("relay", "test")
    assert outcome.code == 1
    assert "wrong name or password" in outcome.out.splitlines()[-1]
    assert sink.messages == []


def test_source_addresses_of_a_domain(cli: Run) -> None:
    assert cli("domain", "add", "example.test").code == 0
    say = "Mail of example.test leaves from {} and {}\n"
    assert cli("domain", "source", "example.test").out == say.format("any IPv4 address", "any IPv6 address")
    assert cli("domain", "source", "example.test", "--ipv4", "192.0.2.1").out == say.format(
        "192.0.2.1", "any IPv6 address"
    )
    assert cli("domain", "source", "example.test", "--ipv6", "2001:DB8::1").out == say.format(
        "192.0.2.1", "2001:db8::1"
    )
    assert cli("domain", "source", "example.test", "--ipv4", "").out == say.format("any IPv4 address", "2001:db8::1")
    assert cli("domain", "source", "example.test", "--ipv4", "::1").code == 65
    assert cli("domain", "source", "nowhere.example").code == 67
