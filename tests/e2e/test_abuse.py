"""Clients that mean harm, against the real server with its limits as they are: it stays up, small, quick and closed."""

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import Iterator

import pytest

from tests.daemon import Demo, running_demo, wait_until
from tests.e2e.conftest import logged_in
from tests.e2e.wire import Wire

SILENT = 150
GREETING_SECONDS = 5.0
ANSWER_SECONDS = 1.0
ENDLESS_OCTETS = 64 << 20
GROWTH_OCTETS = 16 << 20
SMTP_PER_ADDRESS, IMAP_PER_ADDRESS = 30, 100  # defaults of the configuration
SMTP_ERRORS, IMAP_ERRORS, LOGIN_FAILURES = 20, 50, 5
ENVELOPE = (b"EHLO c", b"MAIL FROM:<x@far.example>", b"RCPT TO:<ann@example.test>", b"DATA")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """With all limits by address, unlike that of the other modules."""
    with running_demo(tmp_path_factory.mktemp("demo") / "var") as demo:
        yield demo


def plain(user: str, password: str) -> bytes:
    return base64.b64encode(f"\0{user}\0{password}".encode())


# ---- crowds ----


def test_silent_crowds_do_not_keep_a_client_waiting(demo: Demo) -> None:
    with contextlib.ExitStack() as crowd:
        for n in range(SILENT):
            crowd.enter_context(Wire(demo.port("smtp"), f"127.1.1.{n + 1}"))
            crowd.enter_context(Wire(demo.port("imap"), f"127.1.2.{n + 1}"))
        for face, greeting in (("smtp", b"220 "), ("submission", b"220 "), ("imap", b"* OK ")):
            before = time.monotonic()
            with Wire(demo.port(face)) as client:
                assert client.line().startswith(greeting)
            assert time.monotonic() - before < GREETING_SECONDS


def test_one_address_has_its_share_and_the_others_theirs(demo: Demo) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(SMTP_PER_ADDRESS):
            assert crowd.enter_context(Wire(demo.port("smtp"), "127.1.3.1")).line().startswith(b"220 ")
        with Wire(demo.port("smtp"), "127.1.3.1") as refused, Wire(demo.port("smtp"), "127.1.3.2") as other:
            assert refused.rest() == b"421 4.7.0 Too many connections; try again later\r\n"
            assert other.line().startswith(b"220 ")
        for _ in range(IMAP_PER_ADDRESS):
            assert crowd.enter_context(Wire(demo.port("imap"), "127.1.3.1")).line().startswith(b"* OK ")
        with Wire(demo.port("imap"), "127.1.3.1") as refused, Wire(demo.port("imap"), "127.1.3.2") as other:
            assert refused.rest() == b"* BYE [UNAVAILABLE] Too many connections\r\n"
            assert other.line().startswith(b"* OK ")
    wait_until(lambda: is_greeted(demo, "127.1.3.1"))  # connections that ended do not count


def is_greeted(demo: Demo, source: str) -> bool:
    with Wire(demo.port("smtp"), source) as client:
        return client.line().startswith(b"220 ")


@pytest.mark.parametrize("face", ["smtp", "submission", "imap"])
def test_a_handshake_that_never_comes_holds_up_nobody(demo: Demo, trust: ssl.SSLContext, face: str) -> None:
    command, ready = (b"x STARTTLS\r\n", b"x OK ") if face == "imap" else (b"EHLO c\r\nSTARTTLS\r\n", b"220 ")
    with contextlib.ExitStack() as crowd:
        for n in range(20):
            idler = crowd.enter_context(Wire(demo.port(face), f"127.1.4.{n + 1}"))
            idler.line()
            idler.send(command)
        started = time.monotonic()
        with Wire(demo.port(face)) as client:
            client.line()
            client.send(command)
            while not client.line().startswith(ready):
                pass
            client.secure(trust)
        assert time.monotonic() - started < GREETING_SECONDS


# ---- floods ----


@pytest.mark.parametrize(
    ("command", "most"),
    [(b"XYZZY", SMTP_ERRORS), (b"\xff\xfe\x00", SMTP_ERRORS), (b"MAIL FROM:<>>", SMTP_ERRORS), (b"NOOP", 101)],
)
def test_a_flood_of_commands_that_move_no_mail_ends_with_421(demo: Demo, command: bytes, most: int) -> None:
    with Wire(demo.port("smtp"), "127.1.5.1") as client:
        client.line()
        client.send(b"EHLO c\r\n" + (command + b"\r\n") * 200)
        replies = client.rest().splitlines()
        assert replies[-1].startswith(b"421 4.7.0 ")
        assert len([line for line in replies if line[:3] != b"250" or command == b"NOOP"]) <= most + 10


def test_a_flood_of_bad_commands_ends_with_bye(demo: Demo) -> None:
    with Wire(demo.port("imap"), "127.1.5.2") as client:
        client.line()
        client.send(b"x XYZZY\r\n" * 200)
        lines = client.rest().splitlines()
        assert lines[-1].startswith(b"* BYE ")
        assert len(lines) <= IMAP_ERRORS + 1


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"])
@pytest.mark.parametrize("face", ["smtp", "imap"])
def test_other_protocols_are_not_taken_for_ours(demo: Demo, face: str, first: bytes) -> None:
    with Wire(demo.port(face), "127.1.5.3") as client:
        client.line()
        client.send(first + b"\r\nHost: x\r\n\r\n" * 30)
        assert b" 250 " not in (said := client.rest())
        assert said.splitlines()[-1][:3] in (b"421", b"521", b"* B")


# ---- text slipped in ----


def test_clear_text_behind_smtp_starttls_is_never_a_command(demo: Demo, trust: ssl.SSLContext) -> None:
    for face in ("smtp", "submission"):
        with Wire(demo.port(face), "127.1.6.1") as client:
            client.line()
            client.ask(b"EHLO c")
            client.send(b"STARTTLS\r\nEHLO evil\r\nMAIL FROM:<evil@far.example>\r\n")
            assert client.rest() == b"", "the connection is dropped without a word"


def test_clear_text_behind_imap_starttls_is_never_a_command(demo: Demo, trust: ssl.SSLContext) -> None:
    ann = demo.users[0]
    with Wire(demo.port("imap"), "127.1.6.2") as client:
        client.line()
        client.send(f"x STARTTLS\r\ny LOGIN {ann.email} {ann.password}\r\ny CAPABILITY\r\n".encode())
        assert client.line().startswith(b"x OK ")
        client.secure(trust)
        lines = client.command(b"NOOP")
        assert not [line for line in lines if line.startswith((b"y ", b"* CAPABILITY"))]
        assert client.command(b"SELECT INBOX")[-1].startswith(b"x BAD "), "nobody logged in"


def test_what_was_said_in_clear_is_forgotten_inside_tls(demo: Demo, trust: ssl.SSLContext) -> None:
    with Wire(demo.port("smtp"), "127.1.6.3") as client:
        client.line()
        client.ask(b"EHLO clear", b"MAIL FROM:<x@far.example>", b"RCPT TO:<ann@example.test>", b"STARTTLS")
        client.secure(trust)
        assert client.ask(b"DATA").startswith(b"503 ")
        assert client.ask(b"MAIL FROM:<x@far.example>").startswith(b"503 ")


SMUGGLED = (
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\n.\r",
    b"\r.\n",
    b"\r\n\x00.\r\n",
    b"\r\n.\x00\r\n",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\r\n..\r\n",
    b"\r\n .\r\n",
    b"\n\n.\n\n",
    b"\x85.\x85",
)


def test_no_false_end_of_data_makes_two_messages_of_one(demo: Demo, trust: ssl.SSLContext) -> None:
    second = b"MAIL FROM:<evil@far.example>\r\nRCPT TO:<ann@example.test>\r\nDATA\r\nSubject: smuggled\r\n\r\nx"
    accepted = 0
    for number, end in enumerate(SMUGGLED):
        for pieces in ([end], [end[:1], end[1:]]):
            with Wire(demo.port("smtp"), f"127.1.7.{number + 1}") as client:
                client.line()
                assert client.ask(*ENVELOPE).startswith(b"354 ")
                client.send(b"Subject: carrier\r\n\r\nfirst")
                for piece in pieces:
                    client.send(piece)
                client.send(second + b"\r\n.\r\nQUIT\r\n")
                replies = client.rest().splitlines()
            assert len(replies) <= 2, (end, replies)
            assert replies[0][:3] in (b"250", b"550", b"554"), (end, replies)
            accepted += replies[0].startswith(b"250")
    with logged_in(demo, trust) as ann:
        ann.select_folder("INBOX", readonly=True)
        assert ann.search(["SUBJECT", "smuggled"]) == []
        assert len(ann.search(["SUBJECT", "carrier"])) == accepted


# ---- more than fits ----


@pytest.mark.parametrize(
    ("face", "begin"),
    [
        ("smtp", b"NOOP "),
        ("smtp", b"MAIL FROM:<"),
        ("submission", b"EHLO "),
        ("imap", b"x LOGIN "),
        ("imap", b""),
        ("imap", b"x NOOP\r\n("),
    ],
)
def test_an_endless_line_takes_no_memory(demo: Demo, face: str, begin: bytes) -> None:
    before = demo.rss_octets()
    with Wire(demo.port(face), "127.1.8.1") as client:
        client.line()
        client.send(begin)
        most = before
        with contextlib.suppress(ConnectionError):  # cut off: good as well
            for _ in range(ENDLESS_OCTETS >> 20):
                client.send(b"a" * (1 << 20))
                most = max(most, demo.rss_octets())
            client.send(b"\r\n")
        refused = (b"500 ", b"421 ", b"x BAD ", b"a BAD ", b"* BAD ", b"* BYE ", b"x OK ", b"")
        assert client.line().startswith(refused)
    assert most - before < GROWTH_OCTETS


@pytest.mark.parametrize(
    ("face", "line", "answer"),
    [("smtp", b"NOOP ", b"500 5.5.2 "), ("submission", b"AUTH PLAIN ", b"5"), ("imap", b"x LOGIN ", b"x BAD [LIMIT]")],
)
def test_a_line_too_long_is_answered_in_words(demo: Demo, face: str, line: bytes, answer: bytes) -> None:
    with Wire(demo.port(face), "127.1.8.3") as client:
        client.line()
        client.send(line + b"a" * 50_000 + b"\r\n")
        assert client.line().startswith(answer)


@pytest.mark.parametrize(
    "announced",
    [b"{99999999999}", b"{10000000+}", b"{4097}", b"{4294967296+}", b"{-1}", b"{1_0}", b"{" + b"9" * 5000 + b"}"],
)
def test_a_literal_that_is_too_much_before_login_is_refused_at_once(demo: Demo, announced: bytes) -> None:
    before = time.monotonic()
    with Wire(demo.port("imap"), "127.1.8.2") as client:
        client.line()
        assert client.command(b"LOGIN " + announced)[-1].startswith((b"x BAD ", b"x NO ", b"* BYE "))
    assert time.monotonic() - before < ANSWER_SECONDS


# ---- strangers ----


FAR = (
    b"<a@far.example>",
    b"<a%far.example@example.test>",
    b"<a@far.example@example.test>",
    b'<"a@far.example"@example.test>',
    b"<far.example!a@example.test>",
    b"<far.example!a>",
    b"<@example.test:a@far.example>",
    b"<@example.test,@mail.example.test:a@far.example>",
    b"<a@[127.0.0.1]>",
    b"<a@[IPv6:::1]>",
    b"<a@localhost>",
    b"<a@>",
    b"<a@example.test.>",
    b"<a@example.test@far.example>",
    b"<ann@example.test,a@far.example>",
    b"<ann@sub.example.test>",
    b"<a@far.example:25>",
    b'<"ann@example.test\x00"@far.example>',
    b"<../ann@example.test>",
    b"a@far.example",
)


async def test_nobody_is_relayed_for(demo: Demo) -> None:
    """All at once: every refusal is held back for a moment."""
    await asyncio.gather(
        *(
            asyncio.to_thread(refuse_relay, demo, sender, recipient, f"127.1.{9 + side}.{n + 1}")
            for side, sender in enumerate((b"<x@far.example>", b"<>", b"<ann@example.test>"))
            for n, recipient in enumerate(FAR)
        )
    )


def refuse_relay(demo: Demo, sender: bytes, recipient: bytes, source: str) -> None:
    with Wire(demo.port("smtp"), source) as client:
        client.line()
        assert client.ask(b"EHLO c", b"MAIL FROM:" + sender).startswith(b"250 ")
        assert client.ask(b"RCPT TO:" + recipient).startswith(b"5"), recipient
        assert client.ask(b"DATA").startswith(b"5"), recipient


@pytest.mark.parametrize("face", ["submission", "submissions"])
def test_submission_serves_nobody_without_a_login(demo: Demo, trust: ssl.SSLContext, face: str) -> None:
    with Wire(demo.port(face), "127.1.12.1", trust if face == "submissions" else None) as client:
        client.line()
        client.ask(b"EHLO c")
        if face == "submission":
            client.ask(b"STARTTLS")
            client.secure(trust)
            client.ask(b"EHLO c")
        assert client.ask(b"MAIL FROM:<ann@example.test>").startswith(b"530 ")
        assert client.ask(b"RCPT TO:<a@far.example>").startswith(b"5")
        assert client.ask(b"DATA").startswith(b"5")


def test_a_login_sends_in_no_other_name(demo: Demo, trust: ssl.SSLContext) -> None:
    ann = demo.users[0]
    with Wire(demo.port("submissions"), "127.1.12.2", trust) as client:
        client.line()
        assert client.ask(b"EHLO c", b"AUTH PLAIN " + plain(ann.email, ann.password)).startswith(b"235 ")
        for other in (b"<ben@example.test>", b"<x@far.example>", b"<ann@example.test.>", b"<ann@EXAMPLE.test.far>"):
            assert client.ask(b"MAIL FROM:" + other).startswith(b"5"), other
        assert client.ask(b"MAIL FROM:<ann@example.test>", b"RCPT TO:<ann@example.test>", b"DATA").startswith(b"354 ")
        assert client.ask(b"From: ben@example.test\r\nSubject: x\r\n\r\nx\r\n.").startswith(b"55")


def test_no_password_travels_in_clear(demo: Demo) -> None:
    ann = demo.users[0]
    with Wire(demo.port("submission"), "127.1.12.3") as client:
        client.line()
        assert b"AUTH" not in client.ask(b"EHLO c")
        assert client.ask(b"AUTH PLAIN " + plain(ann.email, ann.password))[:3] in (b"538", b"530")
    with Wire(demo.port("smtp"), "127.1.12.3") as client:
        client.line()
        assert client.ask(b"EHLO c", b"AUTH PLAIN " + plain(ann.email, ann.password)).startswith(b"50")
    with Wire(demo.port("imap"), "127.1.12.3") as client:
        assert b"LOGINDISABLED" in client.line()
        assert client.command(f"LOGIN {ann.email} {ann.password}".encode())[-1].startswith(b"x NO [PRIVACYREQUIRED]")
        assert client.command(b"AUTHENTICATE PLAIN")[-1].startswith(b"x NO [PRIVACYREQUIRED]")


# ---- guessers ----


def test_who_guesses_is_locked_out_and_the_owner_is_not(demo: Demo, trust: ssl.SSLContext) -> None:
    ben = demo.users[1]
    for guess in range(LOGIN_FAILURES):
        with Wire(demo.port("imaps"), "127.1.13.1", trust) as guesser:
            guesser.line()
            assert guesser.command(f"LOGIN {ben.email} guess{guess}".encode())[-1].startswith(b"x NO [AUTH")
    right = f"LOGIN {ben.email} {ben.password}".encode()
    with Wire(demo.port("imaps"), "127.1.13.1", trust) as guesser:
        guesser.line()
        assert guesser.command(right)[-1].startswith(b"x NO [UNAVAILABLE] Too many failed logins")
    with Wire(demo.port("submissions"), "127.1.13.1", trust) as guesser:
        guesser.line()
        reply = guesser.ask(b"EHLO c", b"AUTH PLAIN " + plain(ben.email, ben.password))
        assert reply.startswith(b"454 "), "one count for all protocols"
    with Wire(demo.port("imaps"), "127.1.13.2", trust) as owner:
        owner.line()
        assert owner.command(right)[-1].startswith(b"x OK ")


def test_a_wrong_name_and_a_wrong_password_look_alike(demo: Demo, trust: ssl.SSLContext) -> None:
    ann, said = demo.users[0], list[tuple[bytes, bytes]]()
    for n, name in enumerate((ann.email, "nobody@example.test", "ann@far.example", "nobody")):
        with (
            Wire(demo.port("imaps"), f"127.1.14.{n + 1}", trust) as imap,
            Wire(demo.port("submissions"), f"127.1.14.{n + 1}", trust) as smtp,
        ):
            imap.line()
            smtp.line()
            said.append(
                (
                    imap.command(f"LOGIN {name} wrong".encode())[-1],
                    smtp.ask(b"EHLO c", b"AUTH PLAIN " + plain(name, "wrong too")),
                )
            )
    assert len(set(said)) == 1, said


# ---- questions that cost ----


COSTLY = (
    b"SEARCH " + b"NOT " * 10_000 + b"ALL",
    b"SEARCH " + b"OR ALL " * 5_000 + b"ALL",
    b"SEARCH " + b"(" * 30_000 + b"ALL" + b")" * 30_000,
    b"FETCH 1 " + b"(" * 30_000,
    b"FETCH 1 (" + b"BODY[" + b"1." * 10_000 + b"1])",
    b'LIST "" "' + b"%*" * 2_000 + b'"',
    b'LIST "" "*a' + b"*a" * 2_000 + b'"',
    b'LIST "" (' + b" ".join([b"%*%*x"] * 5_000) + b")",
    b"SEARCH 1:4294967295",
    b"SEARCH UID 1:4294967295 " + b"BODY x " * 1_000,
    b"UID FETCH 1:4294967295 (FLAGS)",
    b"UID FETCH " + b",".join(b"%d:4294967295" % n for n in range(1, 3_000)) + b" (FLAGS)",
    b"UID STORE 4000000000:4294967295 +FLAGS (\\Seen)",
    b"SEARCH BODY " + b'"' + b"a" * 60_000 + b'"',
    b"SEARCH SENTSINCE 99-Foo-0000",
    b"STATUS INBOX (" + b"MESSAGES " * 5_000 + b"MESSAGES)",
)
NOT_NUMBERS = (b"0", b"4294967296", b"1:99999999999999999999", b"-1", b"1_0", "١".encode(), b"9" * 5_000)


@pytest.fixture(scope="module")
def reader(demo: Demo) -> Iterator[Wire]:
    """Ann with her INBOX open."""
    ann = demo.users[0]
    with Wire(demo.port("imaps"), "127.1.15.1", ssl.create_default_context(cafile=demo.facts["ca"])) as client:
        client.line()
        assert client.command(f"LOGIN {ann.email} {ann.password}".encode())[-1].startswith(b"x OK ")
        assert client.command(b"SELECT INBOX")[-1].startswith(b"x OK ")
        yield client


@pytest.mark.parametrize("question", COSTLY, ids=lambda question: question[:20].decode())
def test_no_question_is_too_hard(reader: Wire, question: bytes) -> None:
    before = time.monotonic()
    assert reader.command(question)[-1].startswith((b"x OK ", b"x BAD ", b"x NO "))
    assert time.monotonic() - before < ANSWER_SECONDS
    assert reader.command(b"NOOP")[-1].startswith(b"x OK ")


@pytest.mark.parametrize("number", NOT_NUMBERS, ids=lambda number: number[:10].decode())
def test_numbers_that_are_none_are_bad(reader: Wire, number: bytes) -> None:
    for command in (b"FETCH %b FLAGS", b"UID FETCH %b FLAGS", b"SEARCH UID %b", b"SEARCH LARGER %b:1"):
        assert reader.command(command % number)[-1].startswith(b"x BAD ")
