"""TLS on the way out: what is offered is used, no certificate leads to clear text, and the attempt says why."""

import pytest

from mailserver.config.tree import TlsMode
from mailserver.outbound_tls.policy import Level, ResultType
from mailserver.remote.consignment import Result, Verdict
from tests.authority import EXPIRED, self_signed
from tests.service.remote.conftest import World
from tests.sinks import DROP, RESET, Sink

HOST = "mx.example.net"


def tls_of(result: Result) -> str:
    assert result.attempt is not None
    return result.attempt.tls or ""


@pytest.mark.parametrize("kind", ["good", "expired", "self-signed", "wrong name"])
async def test_any_certificate_is_better_than_clear_text(world: World, kind: str) -> None:
    certificate = {
        "good": lambda: world.authority.issue(HOST),
        "expired": lambda: world.authority.issue(HOST, days=EXPIRED),
        "self-signed": lambda: self_signed(HOST),
        "wrong name": lambda: world.authority.issue("other.example"),
    }[kind]()
    async with Sink(tls=certificate.server_context()) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        [message] = sink.messages
    assert result.verdict is Verdict.DELIVERED
    assert message.tls is not None
    assert message.tls.server_name == HOST
    assert tls_of(result).startswith(message.tls.version)
    assert tls_of(result).endswith("(opportunistic)")
    assert sink.visits[0].verbs[:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]


async def test_words_of_a_stranger_before_tls_stands_end_the_session(world: World) -> None:
    """STARTTLS response injection, CVE-2011-0411 the other way round."""
    async with Sink(tls=self_signed(HOST).server_context(), at={"STARTTLS": b"220 go\r\n250 injected\r\n"}) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        assert sink.messages == []
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    assert "before TLS stood" in result.attempt.text


@pytest.mark.parametrize("refusal", ["454 4.7.0 TLS not available", "502 5.5.1 what"])
async def test_a_refused_starttls_is_as_none(world: World, refusal: str) -> None:
    async with Sink(tls=self_signed(HOST).server_context(), at={"STARTTLS": refusal}) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        assert sink.messages[0].tls is None
    assert result.verdict is Verdict.DELIVERED
    assert tls_of(result).startswith("clear text: ")


@pytest.mark.parametrize("fault", [RESET, DROP, b"\x15\x03\x03\x00\x02\x02\x28"])
async def test_a_host_where_tls_works_goes_before_clear_text(world: World, fault: object) -> None:
    tls = self_signed(HOST).server_context()
    async with (
        Sink(tls=tls, at={"HANDSHAKE": fault}) as sink,
        Sink(address="127.0.0.3", port=sink.port, tls=tls) as second,
    ):
        world.sink_at(sink)
        world.sink_at(second, "mx2.example.net", 20)
        result = await world.send_one()
        assert sink.messages == []
        assert second.messages[0].tls is not None
    assert result.verdict is Verdict.DELIVERED
    assert result.attempt is not None
    assert result.attempt.host == "mx2.example.net"


async def test_clear_text_is_the_last_resort_and_is_told(world: World) -> None:
    async with Sink(tls=self_signed(HOST).server_context(), at={"HANDSHAKE": RESET}) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        [message] = sink.messages
        assert [visit.verbs[:2] for visit in sink.visits] == [["EHLO", "STARTTLS"], ["EHLO", "MAIL"]]
    assert message.tls is None
    assert result.verdict is Verdict.DELIVERED
    assert "clear text: TLS failed" in tls_of(result)


async def test_a_demand_for_tls_after_a_failed_handshake_is_not_the_mails_fault(world: World) -> None:
    async with Sink(
        tls=self_signed(HOST).server_context(), at={"HANDSHAKE": RESET, "MAIL": "530 5.7.0 Must issue STARTTLS first"}
    ) as sink:
        world.sink_at(sink)
        result = await world.send_one()
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    assert result.attempt.code == 530


async def test_requiretls_is_said_and_never_given_up(world: World) -> None:
    """Nothing vouches for the host here: neither DNSSEC nor a policy."""
    async with Sink(tls=world.authority.issue(HOST).server_context(), extensions_in_tls=("REQUIRETLS",)) as sink:
        world.sink_at(sink)
        result = await world.send_one(require_tls=True)
        assert sink.visits == []
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert result.attempt.status == "5.7.30"


@pytest.mark.parametrize("offered", [True, False])
async def test_requiretls_goes_to_a_relay_that_offers_it(world: World, offered: bool) -> None:
    extensions = ("REQUIRETLS",) if offered else ()
    async with Sink(tls=world.authority.issue(HOST).server_context(), extensions_in_tls=extensions) as sink:
        world.sink_at(sink)
        await world.set_relay(HOST, port=sink.port, tls=TlsMode.STARTTLS)
        result = await world.send_one(require_tls=True)
        if offered:
            assert sink.messages[0].mail.parameters["REQUIRETLS"] is None
        else:
            assert sink.messages == []
    assert result.verdict is (Verdict.DELIVERED if offered else Verdict.FAILED)


@pytest.mark.parametrize("level", [Level.ENCRYPTED, Level.AUTHENTICATED])
@pytest.mark.parametrize("fault", ["no STARTTLS", "handshake", "certificate"])
async def test_a_policy_that_wants_tls_never_sees_clear_text(world: World, level: Level, fault: str) -> None:
    tls = None if fault == "no STARTTLS" else self_signed(HOST).server_context()
    async with Sink(tls=tls, at={"HANDSHAKE": RESET} if fault == "handshake" else {}) as sink:
        world.sink_at(sink)
        world.demand(level)
        result = await world.send_one()
        is_fine = fault == "certificate" and level is Level.ENCRYPTED
        assert [message.tls is not None for message in sink.messages] == ([True] if is_fine else [])
    assert result.verdict is (Verdict.DELIVERED if is_fine else Verdict.DEFERRED)
    assert result.attempt is not None
    assert "demanded by the test" in (result.attempt.tls or "")
    if not is_fine:
        assert result.attempt.status == "4.7.5"
        assert result.attempt.code is None


async def test_policies_hear_how_each_session_went(world: World) -> None:
    async with Sink(tls=self_signed(HOST).server_context(), at={"HANDSHAKE": RESET}) as sink:
        world.sink_at(sink)
        remote = world.remote()
        await world.send_one(remote=remote)
        del sink.at["HANDSHAKE"]
        await world.send_one(remote=remote)
    assert [(host, address, outcome.is_encrypted) for host, address, outcome in world.noted] == [
        (HOST, "127.0.0.2", False),  # the handshake that failed; what went on in clear text is the same failure
        (HOST, "127.0.0.2", True),
    ]
    assert world.noted[0][2].result_type is ResultType.VALIDATION_FAILURE


async def test_a_host_whose_name_tls_can_not_ask_for_is_passed_over(world: World) -> None:
    tls = self_signed(HOST).server_context()
    async with Sink(tls=tls) as sink, Sink(address="127.0.0.3", port=sink.port, tls=tls) as second:
        world.sink_at(sink, "\\001" * 20 + ".example.net")
        world.sink_at(second, "mx2.example.net", 20)
        result = await world.send_one()
        assert (sink.messages, len(second.messages)) == ([], 1)
    assert result.verdict is Verdict.DELIVERED
