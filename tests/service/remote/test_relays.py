"""Relays: whose mail goes over which, what they must show before they get a password, and what is told nobody."""

import pytest

from mailserver.config.tree import TlsMode
from mailserver.errors import BadValue, NoSuchDomain, NoSuchRelay
from mailserver.remote.consignment import Result, Verdict
from mailserver.store import domains, relays
from mailserver.store.sealing import SealingKey
from tests.authority import EXPIRED, self_signed
from tests.service.remote.conftest import BOB, World
from tests.sinks import Sink

HOST = "relay.example.org"
ANNS = {"ann": "correct horse"}


def text_of(result: Result) -> str:
    assert result.attempt is not None
    return result.attempt.text


async def relay_at(world: World, sink: Sink, **settings: object) -> None:
    world.zone.set(HOST, "A", sink.address)
    await world.set_relay(HOST, port=sink.port, **settings)


@pytest.mark.parametrize("mode", [TlsMode.STARTTLS, TlsMode.IMPLICIT])
async def test_mail_goes_over_the_relay_after_a_login(world: World, mode: TlsMode) -> None:
    tls = world.authority.issue(HOST).server_context()
    async with Sink(tls=tls, implicit_tls=mode is TlsMode.IMPLICIT, logins=ANNS) as sink:
        await relay_at(world, sink, tls=mode, username="ann", password="correct horse")
        result = await world.send_one("bob@never-looked-up.example")
        [message] = sink.messages
    assert result.verdict is Verdict.DELIVERED
    assert (message.login, message.recipients) == ("ann", ("bob@never-looked-up.example",))
    assert message.tls is not None
    assert world.zone.questions.isdisjoint({("never-looked-up.example", "MX")})
    assert result.attempt is not None
    assert f"relay {HOST}, its certificate has to hold" in (result.attempt.tls or "")
    secret = "correct horse"
    assert not any(secret in line or "Y29ycmVjdCBob3JzZQ" in line or "AGFubg" in line for line in world.said())
    assert "C: AUTH PLAIN ***" in world.said()


async def test_login_by_the_older_mechanism(world: World) -> None:
    tls = world.authority.issue(HOST).server_context()
    offered = "250-sink.test\n250 AUTH=LOGIN"
    async with Sink(tls=tls, implicit_tls=True, logins=ANNS, at={"EHLO": offered}) as sink:
        await relay_at(world, sink, tls=TlsMode.IMPLICIT, username="ann", password="correct horse")
        assert (await world.send_one()).verdict is Verdict.RELAYED
        assert sink.messages[0].login == "ann"
    assert world.said().count("C: ***") == 2


@pytest.mark.parametrize("kind", ["self-signed", "expired", "other name", "no TLS"])
async def test_a_password_is_shown_only_to_a_relay_whose_certificate_holds(world: World, kind: str) -> None:
    certificate = {
        "self-signed": lambda: self_signed(HOST),
        "expired": lambda: world.authority.issue(HOST, days=EXPIRED),
        "other name": lambda: world.authority.issue("other.example"),
    }.get(kind)
    tls = certificate().server_context() if certificate else None
    async with Sink(tls=tls, logins=ANNS) as sink:
        await relay_at(world, sink, username="ann", password="correct horse")
        result = await world.send_one()
        assert "AUTH" not in sink.visits[0].verbs
        assert "MAIL" not in sink.visits[0].verbs
        assert result.verdict is Verdict.DEFERRED
        if tls is not None:
            await relay_at(world, sink, username="ann", password="correct horse", must_verify=False)
            assert (await world.send_one()).verdict is Verdict.DELIVERED


async def test_a_wrong_password_bounces_nobodys_mail(world: World) -> None:
    tls = world.authority.issue(HOST).server_context()
    async with Sink(tls=tls, logins=ANNS) as sink:
        await relay_at(world, sink, username="ann", password="wrong")
        result = await world.send_one()
        assert result.verdict is Verdict.DEFERRED
        assert "wrong name or password" in text_of(result)
        await relay_at(world, sink)
        result = await world.send_one()
        assert result.verdict is Verdict.DEFERRED, "530: we forgot to say who we are"
        assert "log in first" in text_of(result)


@pytest.mark.parametrize(
    ("offered", "words"),
    [("250-x\n250 AUTH GSSAPI CRAM-MD5", "it offers GSSAPI, CRAM-MD5"), ("250 x", "it offers none")],
)
async def test_a_relay_without_a_way_to_log_in_is_told_apart(world: World, offered: str, words: str) -> None:
    tls = world.authority.issue(HOST).server_context()
    async with Sink(tls=tls, implicit_tls=True, at={"EHLO": offered}) as sink:
        await relay_at(world, sink, tls=TlsMode.IMPLICIT, username="ann", password="x")
        result = await world.send_one()
    assert result.verdict is Verdict.DEFERRED
    assert words in text_of(result)


async def test_clear_text_is_for_this_machine_only(world: World) -> None:
    async with Sink(logins=ANNS, tls=self_signed(HOST).server_context()) as sink:
        sink.tls = None  # it offers AUTH in clear text
        await world.set_relay("127.0.0.2", port=sink.port, tls=TlsMode.NONE, username="ann", password="correct horse")
        result = await world.send_one()
        assert sink.messages[0].login == "ann"
    assert result.attempt is not None
    assert result.attempt.tls == "clear text (relay 127.0.0.2 on this machine)"
    with pytest.raises(BadValue, match="has to be on this machine"):
        await world.set_relay(HOST, tls=TlsMode.NONE)
    result = await world.send_one(require_tls=True)
    assert result.verdict is Verdict.FAILED
    assert "REQUIRETLS" in text_of(result)


async def test_a_domains_own_relay_goes_before_the_one_for_all(world: World) -> None:
    domain = await world.store.write(domains.add, "example.test")
    async with Sink() as everyone, Sink(address="127.0.0.3") as own:
        await world.set_relay("127.0.0.2", port=everyone.port, tls=TlsMode.NONE)
        await world.set_relay("127.0.0.3", domain="example.test", port=own.port, tls=TlsMode.NONE)
        await world.send_one(domain_id=domain.id)
        await world.send_one()
        assert (len(own.messages), len(everyone.messages)) == (1, 1)
        await world.store.write(relays.remove, "example.test")
        await world.send_one(domain_id=domain.id)
        assert len(everyone.messages) == 2


async def test_a_relay_that_is_gone_is_waited_for(world: World) -> None:
    async with Sink() as sink:
        port = sink.port
    await world.set_relay("127.0.0.2", port=port, tls=TlsMode.NONE)
    result = await world.send_one()
    assert result.verdict is Verdict.DEFERRED
    assert "connection refused" in text_of(result)


async def test_policies_and_reports_are_not_about_relays(world: World) -> None:
    async with Sink(tls=world.authority.issue(HOST).server_context()) as sink:
        await relay_at(world, sink)
        await world.send_one()
    assert world.noted == []


async def test_the_password_is_sealed_and_the_file_is_needed(world: World) -> None:
    await world.set_relay(HOST, username="ann", password="correct horse")
    relay = await world.store.read(relays.get, None)
    assert b"correct" not in (relay.sealed_password or b"")
    assert "sealed" not in repr(relay)
    assert relay.password(SealingKey.open(world.store.data)) == "correct horse"
    (world.store.data / "sealing.key").unlink()
    result = await world.send_one(BOB)
    assert result.verdict is Verdict.DEFERRED
    assert "can not be opened" in text_of(result)


@pytest.mark.parametrize(
    ("host", "settings", "words"),
    [
        ("not a host", {}, "Not a host name"),
        ("relay.example", {"port": 0}, "1 to 65535"),
        ("relay.example", {"port": 65536}, "1 to 65535"),
        ("relay.example", {"username": ""}, "a name of printable"),
        ("relay.example", {"username": "ann", "password": ""}, "a password"),
        ("relay.example", {"username": "a\nb", "password": "x"}, "printable"),
        ("192.0.2.1", {"tls": TlsMode.NONE}, "on this machine"),
    ],
)
async def test_what_can_not_be_a_relay_is_refused(
    world: World, host: str, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(BadValue, match=words):
        await world.set_relay(host, **settings)
    assert await world.store.read(relays.list) == []


async def test_what_is_not_there_is_said(world: World) -> None:
    with pytest.raises(NoSuchRelay, match="all domains"):
        await world.store.write(relays.remove, None)
    with pytest.raises(NoSuchDomain):
        await world.set_relay(HOST, domain="nowhere.example")
    await world.store.write(domains.add, "example.test")
    with pytest.raises(NoSuchRelay, match=r"example\.test"):
        await world.store.write(relays.remove, "example.test")
    for ipv4, ipv6 in (("::1", None), (None, "127.0.0.1"), ("x", None)):
        with pytest.raises(BadValue):
            await world.store.write(relays.set_sources, "example.test", ipv4, ipv6)


async def test_a_relay_can_be_tried_without_mail(world: World) -> None:
    tls = world.authority.issue(HOST).server_context()
    async with Sink(tls=tls, logins=ANNS) as sink:
        await relay_at(world, sink, username="ann", password="correct horse")
        departure = await world.store.read(relays.departure, None)
        assert await world.remote().probe(departure, world.conversation.append) == ""
        assert sink.visits[0].verbs == ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]
        await relay_at(world, sink, username="ann", password="wrong")
        departure = await world.store.read(relays.departure, None)
        assert "wrong name or password" in await world.remote().probe(departure, world.conversation.append)
    assert "No relay is set" in await world.remote().probe(
        relays.Departure(None, None, None), world.conversation.append
    )
