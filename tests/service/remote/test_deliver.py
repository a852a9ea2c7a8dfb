"""Mail to a server that behaves, and to servers that do not: what arrives, and what is said of each recipient."""

import asyncio
import os
import re
from dataclasses import replace

import pytest

from mailserver.mail.transaction import Body, Ret
from mailserver.queue.breaker import counts
from mailserver.queue.pacing import is_rate_reply
from mailserver.remote.consignment import CutShort, GateClosed, Result, Verdict
from mailserver.store import disk_jobs
from mailserver.store.queue import QueueRecipient
from tests.service.remote.conftest import ANN, BOB, HASTY, MESSAGE, SHORT, World
from tests.sinks import DROP, HANG, RESET, After, Last, Sink, Slowly, Step

CAROL, DAVE = "carol@example.net", "dave@example.net"


async def test_a_message_arrives_as_it_was_and_the_answer_is_kept(world: World) -> None:
    async with Sink(at={"DOT": "250 2.0.0 queued as 4711"}) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        [message] = sink.messages
    assert (message.sender, message.recipients, message.content) == (ANN, (BOB,), MESSAGE)
    assert message.helo == "mail.example.test"
    assert result.verdict is Verdict.DELIVERED
    attempt = result.attempt
    assert attempt is not None
    assert (attempt.host, attempt.address, attempt.code, attempt.status) == (
        "mx.example.net",
        "127.0.0.2",
        250,
        "2.0.0",
    )
    assert attempt.text == "queued as 4711"
    assert attempt.tls == "clear text: STARTTLS not offered (opportunistic)"
    assert world.gates.entered == ["mx.example.net"]
    assert world.gates.codes == [250]
    assert world.gates.inside == 0


async def test_the_whole_conversation_can_be_heard(world: World) -> None:
    async with Sink(extensions=("SIZE 1000",)) as sink:
        world.sink_at(sink)
        await world.send_one()
        port = sink.port
    said = world.said()
    assert said[:8] == [
        "-- Hosts: mx.example.net",
        f"-- Connecting to mx.example.net [127.0.0.2]:{port}",
        "S: 220 sink.test ESMTP",
        "C: EHLO mail.example.test",
        "S: 250-sink.test",
        "S: 250 SIZE 1000",
        f"C: MAIL FROM:<ann@example.test> SIZE={len(MESSAGE)}",
        "S: 250 2.1.0 sender ok",
    ]
    assert said[8:12] == [
        "C: RCPT TO:<bob@example.net>",
        "S: 250 2.1.5 recipient ok",
        "C: DATA",
        "S: 354 go ahead",
    ]
    assert said[12] == f"-- {len(MESSAGE)} octets of message"
    assert said[13] == "C: ."


async def test_each_recipient_has_an_answer_of_its_own(world: World) -> None:
    step = {CAROL: "550 5.1.1 no such user", DAVE: "451 4.7.1 greylisted, error 550 5.0.0 for 5 minutes"}
    async with Sink(at={"RCPT": step}) as sink:
        world.sink_at(sink)
        results = await world.send(BOB, CAROL, DAVE)
        assert sink.messages[0].recipients == (BOB,)
        assert len(sink.visits) == 1, "one transaction"
    assert [result.verdict for result in results] == [Verdict.DELIVERED, Verdict.FAILED, Verdict.DEFERRED]
    assert [(result.attempt.code, result.attempt.status) for result in results if result.attempt] == [
        (250, "2.0.0"),
        (550, "5.1.1"),
        (451, "4.7.1"),
    ]
    assert world.gates.codes[-1] == 250, "a host that takes mail is a good one, whomever it refuses"


@pytest.mark.parametrize(
    ("at", "verdict", "code", "words"),
    [
        ({"CONNECT": "554 5.3.2 no mail here"}, Verdict.FAILED, 554, "no mail here"),
        ({"CONNECT": "521 never"}, Verdict.FAILED, 521, "never"),
        ({"CONNECT": Last("421 4.3.2 busy")}, Verdict.DEFERRED, 421, "busy"),
        ({"CONNECT": "450 wait"}, Verdict.DEFERRED, 450, "wait"),
        ({"CONNECT": "250 a strange greeting"}, Verdict.DEFERRED, 250, "a strange greeting"),
        ({"EHLO": "421 later", "HELO": "250 ok"}, Verdict.DEFERRED, 421, "later"),
        ({"EHLO": "550 5.7.1 blocked", "HELO": "550 5.7.1 blocked"}, Verdict.FAILED, 550, "blocked"),
        ({"MAIL": "550 5.7.1 not you"}, Verdict.FAILED, 550, "not you"),
        ({"MAIL": "451 4.3.0 not now"}, Verdict.DEFERRED, 451, "not now"),
        ({"MAIL": "530 5.7.0 log in"}, Verdict.FAILED, 530, "log in"),
        ({"RCPT": "550 5.1.1 nobody"}, Verdict.FAILED, 550, "nobody"),
        ({"RCPT": "552 too many"}, Verdict.DEFERRED, 552, "too many"),
        ({"RCPT": Last("421 4.7.0 bye")}, Verdict.DEFERRED, 421, "bye"),
        ({"DATA": "451 4.3.0 disk"}, Verdict.DEFERRED, 451, "disk"),
        ({"DATA": "554 5.6.0 no"}, Verdict.FAILED, 554, "no"),
        ({"DATA": "250 what"}, Verdict.DEFERRED, 250, "what"),
        ({"DOT": "554 5.7.1 spam"}, Verdict.FAILED, 554, "spam"),
        ({"DOT": "452 4.3.1 full"}, Verdict.DEFERRED, 452, "full"),
        ({"DOT": "354 again"}, Verdict.DEFERRED, 354, "again"),
        ({"CONTENT": "552 5.3.4 enough"}, Verdict.FAILED, 552, "enough"),
        ({"CONNECT": DROP}, Verdict.DEFERRED, None, "closed the connection"),
        ({"CONNECT": RESET}, Verdict.DEFERRED, None, "connection"),
        ({"EHLO": DROP}, Verdict.DEFERRED, None, "closed the connection"),
        ({"MAIL": RESET}, Verdict.DEFERRED, None, "connection"),
        ({"RCPT": DROP}, Verdict.DEFERRED, None, "closed the connection"),
        ({"DATA": DROP}, Verdict.DEFERRED, None, "closed the connection"),
        ({"CONTENT": RESET}, Verdict.DEFERRED, None, "connection"),
        ({"DOT": DROP}, Verdict.DEFERRED, None, "may have arrived"),
        ({"DOT": RESET}, Verdict.DEFERRED, None, "may have arrived"),
        ({"CONNECT": b"SSH-2.0-OpenSSH_9.2\r\n"}, Verdict.DEFERRED, None, "not an SMTP reply"),
        ({"MAIL": b"\x00\xff\r\n"}, Verdict.DEFERRED, None, "not an SMTP reply"),
        ({"RCPT": b"250 ok\r\n250 and more\r\n"}, Verdict.DEFERRED, None, "not asked"),
        ({"EHLO": b"250-" + b"x" * 9000 + b"\r\n250 ok\r\n"}, Verdict.DEFERRED, None, "longer than 8192"),
        ({"EHLO": b"250-" + b"x" * 1000 + b"\r\n" + (b"250-" + b"y" * 1000 + b"\r\n") * 40}, Verdict.DEFERRED, None,
         "longer than 32768"),
    ],
)  # fmt: skip
async def test_what_a_server_does_wrong_ends_in_words(
    world: World, at: dict[str, object], verdict: Verdict, code: int | None, words: str
) -> None:
    async with Sink(at=at) as sink:
        world.sink_at(sink)
        result = await world.send_one()
    assert result.verdict is verdict
    assert result.attempt is not None
    assert result.attempt.code == code
    assert words in result.attempt.text
    assert result.attempt.host == "mx.example.net"
    assert world.gates.codes[:1] == ([code] if code else [])
    assert bool(world.gates.failures) is (code is None), "the breaker hears of connections that fail"


@pytest.mark.parametrize("stage", ["CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "DOT"])
async def test_a_server_that_hangs_costs_its_deadline_and_no_more(world: World, stage: str) -> None:
    async with Sink(at={stage: HANG}) as sink:
        world.sink_at(sink)
        result = await world.send_one(remote=world.remote(HASTY))
        await sink.until(lambda: sink.now_open == 0)
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    words = "may have arrived" if stage == "DOT" else "did not answer within 0.3 seconds"
    assert words in result.attempt.text


async def test_a_reply_that_drips_is_one_step_however_long_it_drips(world: World) -> None:
    async with Sink(at={"MAIL": Slowly("250 " + "x" * 1000, 0.05)}) as sink:
        world.sink_at(sink)
        result = await world.send_one(remote=world.remote(HASTY))
    assert result.attempt is not None
    assert "did not answer within 0.3 seconds" in result.attempt.text


async def test_a_large_slow_reply_is_read(world: World) -> None:
    reply = "\n".join([f"250-{'x' * 1000}"] * 30 + ["250 ok"])
    async with Sink(at={"MAIL": reply, "RCPT": Slowly("250 2.1.5 fine", 0.001)}) as sink:
        world.sink_at(sink)
        assert (await world.send_one()).verdict is Verdict.DELIVERED


async def test_the_whole_takes_no_longer_than_the_lease_allows(world: World) -> None:
    async with Sink(at={"RCPT": HANG}) as sink:
        world.sink_at(sink)
        result = await world.send_one(remote=world.remote(replace(SHORT, rcpt=30.0, whole=0.5)))
        await sink.until(lambda: sink.now_open == 0)
    assert result.verdict is Verdict.DEFERRED
    assert result.attempt is not None
    assert (result.attempt.status, result.attempt.text) == ("4.4.7", "Not done within 0.5 seconds")
    assert world.gates.inside == 0


async def test_a_cancelled_delivery_leaves_no_connection(world: World) -> None:
    async with Sink(at={"DOT": HANG}) as sink:
        world.sink_at(sink)
        carrying = asyncio.create_task(world.send_one())
        await sink.until(lambda: bool(sink.contents))
        carrying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await carrying
        await sink.until(lambda: sink.now_open == 0)


async def test_a_cancelled_delivery_says_who_has_the_message_already(world: World) -> None:
    visits: list[object] = []

    def second_hangs(visit: object) -> Step:
        visits.append(visit)
        return None if len(visits) == 1 else HANG

    async with Sink(extensions=("LIMITS RCPTMAX=1",), at={"DOT": second_hangs}) as sink:
        world.sink_at(sink)
        consignment = await world.consignment(BOB, CAROL, DAVE)
        carrying = asyncio.create_task(world.remote().carry(consignment))
        await sink.until(lambda: len(visits) == 2)
        carrying.cancel()
        with pytest.raises(CutShort) as caught:
            await carrying
    assert [(known.entry_id, known.verdict) for known in caught.value.results] == [
        (consignment.entries[0].id, Verdict.RELAYED)
    ]


@pytest.mark.parametrize(
    ("at", "reply", "is_of_host", "is_rate"),
    [
        ("RCPT", "452 4.2.2 over quota", False, False),
        ("MAIL", "451 4.7.500 Server busy. Please try again later", True, True),
        ("CONNECT", "451 4.7.500 Server busy. Please try again later", True, True),
    ],
)
async def test_gates_hear_the_enhanced_status_too(
    world: World, at: str, reply: str, is_of_host: bool, is_rate: bool
) -> None:
    async with Sink(at={at: reply}) as sink:
        world.sink_at(sink)
        await world.send_one()
    [heard] = {*zip(world.gates.codes, world.gates.texts, strict=True)}
    assert f"{heard[0]} {heard[1]}" == reply
    assert (counts(*heard), is_rate_reply(*heard)) == (is_of_host, is_rate)


async def test_helo_where_ehlo_is_not_known(world: World) -> None:
    async with Sink(at={"EHLO": "502 5.5.1 what"}) as sink:
        world.sink_at(sink)
        result = await world.send_one()
        assert sink.visits[0].verbs[:3] == ["EHLO", "HELO", "MAIL"]
    assert result.verdict is Verdict.RELAYED, "it knows no DSN"


async def test_dsn_parameters_are_passed_on_where_they_are_known(world: World) -> None:
    recipient = QueueRecipient(BOB, notify="SUCCESS,DELAY", orcpt="rfc822;bob+40example.net")
    async with Sink() as sink:
        world.sink_at(sink)
        result = await world.send_one(recipient, envid="QQ314159", ret=Ret.HDRS)
        [message] = sink.messages
    assert result.verdict is Verdict.DELIVERED
    assert message.mail.parameters == {"SIZE": str(len(MESSAGE)), "RET": "HDRS", "ENVID": "QQ314159"}
    assert message.rcpts[0].parameters == {"NOTIFY": "SUCCESS,DELAY", "ORCPT": "rfc822;bob+40example.net"}


async def test_without_dsn_it_is_only_relayed(world: World) -> None:
    async with Sink(extensions=()) as sink:
        world.sink_at(sink)
        result = await world.send_one(QueueRecipient(BOB, notify="SUCCESS"), envid="x")
        [message] = sink.messages
    assert result.verdict is Verdict.RELAYED
    assert (message.mail.parameters, message.rcpts[0].parameters) == ({}, {})


async def test_a_message_that_is_too_big_is_refused_before_it_is_sent(world: World) -> None:
    async with Sink(extensions=("SIZE 40",)) as sink, Sink(address="127.0.0.3", port=sink.port) as second:
        world.sink_at(sink)
        world.sink_at(second, "mx2.example.net", 20)
        result = await world.send_one()
        assert sink.visits[0].verbs == ["EHLO"]
        assert second.visits == [], "no other host is bothered"
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert (result.attempt.code, result.attempt.status) == (552, "5.3.4")
    assert f"{len(MESSAGE)} octets; the server takes 40" in result.attempt.text


async def test_large_messages_arrive_in_pieces_and_whole(world: World) -> None:
    lines = b"".join(b".%07d " % n + os.urandom(40).hex().encode() + b"\r\n" for n in range(30_000))
    async with Sink() as sink:
        world.sink_at(sink)
        result = await world.send_one(message=MESSAGE + lines)
        assert sink.messages[0].content == MESSAGE + lines
    assert result.verdict is Verdict.DELIVERED


async def test_no_bare_line_end_ever_leaves(world: World) -> None:
    smuggling = b"Subject: x\r\n\r\na\n.\nMAIL FROM:<x@y>\r.\rb\r\n.\r\nlast\n.\r\nend"
    async with Sink() as sink:
        world.sink_at(sink)
        await world.send_one(message=smuggling)
        [message] = sink.messages
        assert sink.visits[0].verbs.count("MAIL") == 1
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", message.content)
    assert message.content.endswith(b"b\r\n.\r\nlast\r\n.\r\nend\r\n")


@pytest.mark.parametrize("refusal", ["452 4.5.3 too many recipients", "552 too many recipients", "452 too many"])
async def test_recipients_beyond_what_the_server_takes_go_in_another_transaction(world: World, refusal: str) -> None:
    def two_at_once(visit: object) -> str | None:
        return refusal if len(getattr(visit, "rcpts")) >= 2 else None  # noqa: B009

    people = [f"p{n}@example.net" for n in range(5)]
    async with Sink(at={"RCPT": two_at_once}) as sink:
        world.sink_at(sink)
        results = await world.send(*people)
        assert [message.recipients for message in sink.messages] == [
            ("p0@example.net", "p1@example.net"),
            ("p2@example.net", "p3@example.net"),
            ("p4@example.net",),
        ]
        assert len(sink.visits) == 1
    assert {result.verdict for result in results} == {Verdict.DELIVERED}


async def test_the_limit_a_server_tells_is_kept(world: World) -> None:
    async with Sink(extensions=("LIMITS RCPTMAX=2",)) as sink:
        world.sink_at(sink)
        await world.send(*(f"p{n}@example.net" for n in range(5)))
        assert [len(message.recipients) for message in sink.messages] == [2, 2, 1]


async def test_eight_bits_are_said_or_converted(world: World) -> None:
    message = "Subject: x\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode()
    async with Sink() as sink:
        world.sink_at(sink)
        await world.send_one(message=message, body=Body.EIGHT_BIT)
        assert sink.messages[0].content == message
        assert sink.messages[0].mail.parameters["BODY"] == "8BITMIME"
        sink.extensions = ("SIZE 100000",)
        signed = b"DKIM-Signature: v=1; d=example.test; b=old\r\n" + message
        await world.send_one(message=signed, body=Body.EIGHT_BIT, remote=world.remote())
        converted = sink.messages[1]
    head, _, body = converted.content.partition(b"\r\n\r\n")
    assert body == b"Gr=C3=BC=C3=9Fe\r\n"
    assert b"Content-Transfer-Encoding: quoted-printable" in head
    assert head.startswith(b"DKIM-Signature: v=1; d=example.test; b=new\r\n")
    assert b"b=old" not in head
    assert converted.mail.parameters == {"SIZE": str(len(converted.content))}
    [(header, reverse_path, body_signed)] = world.signatures
    assert (reverse_path, body_signed) == (ANN, body)
    assert b"quoted-printable" in header


async def test_a_large_message_is_converted_too(world: World) -> None:
    octets = b"Content-Type: application/octet-stream\r\n\r\n" + b"\xfe\xff" * 300_000
    async with Sink(extensions=()) as sink:
        world.sink_at(sink)
        result = await world.send_one(message=octets, body=Body.EIGHT_BIT)
        assert result.verdict is Verdict.RELAYED
        assert sink.messages[0].content.isascii()
        assert len(sink.messages[0].content) > 800_000


async def test_what_can_not_be_converted_fails_in_words(world: World) -> None:
    async with Sink(extensions=()) as sink:
        world.sink_at(sink)
        result = await world.send_one(message=b"Subject: caf\xe9\r\n\r\n\xe9\r\n", body=Body.EIGHT_BIT)
        assert sink.visits[0].verbs == ["EHLO"]
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert result.attempt.status == "5.6.3"


async def test_utf8_addresses_need_smtputf8_and_domains_have_an_ascii_form(world: World) -> None:
    async with Sink(extensions=("8BITMIME",)) as sink:
        world.sink_at(sink)
        world.zone.set("xn--bcher-kva.example", "MX", "1 mx.example.net.")
        results = await world.send("bob@bücher.example", "böb@bücher.example", smtputf8=True)
        assert sink.messages[0].recipients == ("bob@xn--bcher-kva.example",)
        sink.extensions = ("8BITMIME", "SMTPUTF8")
        again = await world.send("böb@bücher.example", smtputf8=True, remote=world.remote())
        assert sink.messages[1].recipients == ("böb@bücher.example",)
        assert "SMTPUTF8" in sink.messages[1].mail.parameters
    assert [result.verdict for result in (*results, *again)] == [Verdict.RELAYED, Verdict.FAILED, Verdict.RELAYED]
    assert results[1].attempt is not None
    assert results[1].attempt.status == "5.6.7"


async def test_a_missing_spool_file_fails_and_says_so(world: World) -> None:
    consignment = await world.consignment(BOB)
    world.zone.set("example.net", "A", "127.0.0.2")
    await world.store.settle()
    (world.store.maildir.spool / consignment.entries[0].message_path).unlink()
    [result] = await world.remote().carry(consignment)
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert "file is missing" in result.attempt.text


async def test_a_spool_file_that_is_not_in_its_place_yet_waits(world: World) -> None:
    consignment = await world.consignment(BOB)
    world.zone.set("example.net", "A", "127.0.0.2")
    (world.store.maildir.spool / consignment.entries[0].message_path).unlink()
    [(job_id, job)] = await world.store.read(disk_jobs.list)
    assert isinstance(job, disk_jobs.Spool)  # promised, and not yet known to be done
    [result] = await world.remote().carry(consignment)
    assert result.verdict is Verdict.DEFERRED
    await world.store.write(disk_jobs.remove, [job_id])
    [result] = await world.remote().carry(consignment)
    assert result.verdict is Verdict.FAILED


async def test_half_a_message_is_never_sent(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        consignment = await world.consignment(BOB)
        os.truncate(world.store.maildir.spool / consignment.entries[0].message_path, 40)
        [result] = await world.remote().carry(consignment)
        assert sink.visits == []
    assert result.verdict is Verdict.FAILED
    assert result.attempt is not None
    assert "damaged on this server: it has 40 octets instead of" in result.attempt.text


async def test_a_closed_gate_costs_no_attempt(world: World) -> None:
    async with Sink() as sink:
        world.sink_at(sink)
        world.gates.closed["mx.example.net"] = GateClosed(1234, "resting")
        result = await world.send_one()
        assert sink.visits == []
    assert (result.verdict, result.attempt, result.retry_at, result.reason) == (
        Verdict.NOT_TRIED,
        None,
        1234,
        "resting",
    )


async def test_who_was_taken_is_known_while_the_others_still_wait(world: World) -> None:
    """Else a crash between two transactions would send the first ones the message twice."""
    goes_on, taken = asyncio.Event(), list[list[Result]]()
    people = [f"p{n}@example.net" for n in range(5)]
    async with Sink(extensions=("LIMITS RCPTMAX=2",), at={"DOT": [None, After(goes_on, None)]}) as sink:
        world.sink_at(sink)
        consignment = await world.consignment(*people)
        carrying = asyncio.create_task(world.remote().carry(consignment, lambda some: taken.append([*some])))
        await sink.until(lambda: len(sink.contents) == 2)
        ids = [entry.id for entry in consignment.entries]
        assert [[(each.entry_id, each.verdict) for each in some] for some in taken] == [
            [(ids[0], Verdict.RELAYED), (ids[1], Verdict.RELAYED)]
        ]
        goes_on.set()
        results = await carrying
    assert [result.entry_id for result in results] == ids
    assert [[each.entry_id for each in some] for some in taken] == [ids[:2], ids[2:4]]


async def test_who_is_refused_is_told_at_the_end_with_the_others(world: World) -> None:
    taken = list[Result]()
    refusals: Step = {"p0@example.net": "550 5.1.1 no", "p2@example.net": "450 4.2.1 later"}
    async with Sink(extensions=("LIMITS RCPTMAX=2",), at={"RCPT": refusals}) as sink:
        world.sink_at(sink)
        consignment = await world.consignment(*(f"p{n}@example.net" for n in range(4)))
        results = await world.remote().carry(consignment, taken.extend)
    verdicts = [Verdict.FAILED, Verdict.RELAYED, Verdict.DEFERRED, Verdict.RELAYED]
    assert [result.verdict for result in results] == verdicts
    assert {each.verdict for each in taken} == {Verdict.RELAYED}
