"""Delivery status notifications as Python's email package and our own reader see them."""

import email
import email.policy
from email.message import Message

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import bounces, dsn, dsn_words, xtext
from mailserver.mail.dsn import MAX_RETURNED_OCTETS
from mailserver.mail.reports import Action, RecipientStatus, Report
from mailserver.mail.transaction import Ret

NOW = 1_772_366_400  # Sun, 01 Mar 2026 12:00:00 +0000
HEADER = (
    b"From: Ann <ann@example.test>\r\nTo: bob@far.example\r\nSubject: lunch\r\nReferences: <root@x> <b@x>\r\n"
    b"Message-ID: <1@example.test>\r\n"
)
ORIGINAL = HEADER + b"\r\nLunch?\r\n"
FAILED = RecipientStatus(
    "bob@far.example",
    Action.FAILED,
    "5.1.1",
    "rfc822;Bob+2BX@far.example",
    "mx.far.example",
    "550 5.1.1 No such user",
    last_attempt=NOW - 5,
)


def counting(octets: int) -> bytes:
    return bytes(range(octets))


def make(
    *recipients: RecipientStatus, original: bytes = ORIGINAL, ret: Ret | None = None, **more: str
) -> dsn.Notification:
    report = Report(
        "mail.example.test", more.get("sender", "ann@example.test"), recipients, NOW - 60, more.get("envid"), ret
    )
    return dsn.compose(report, original, len(original), NOW, counting)


def read(notification: dsn.Notification) -> tuple[Message, list[Message]]:
    message = email.message_from_bytes(notification.octets)
    parts = message.get_payload()
    assert isinstance(parts, list)
    return message, parts


def blocks(part: Message) -> list[dict[str, str]]:
    found = part.get_payload()
    assert isinstance(found, list)
    return [{name: value.replace("\r\n", "") for name, value in block.items()} for block in found]


def text(notification: dsn.Notification) -> str:
    payload = read(notification)[1][0].get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode("utf-8")


def test_a_failure_says_all_that_rfc_3464_has_fields_for() -> None:
    message, (words, status, returned) = read(make(FAILED, envid="QQ+3D314159"))
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert [part.get_content_type() for part in (words, status, returned)] == [
        "text/plain",
        "message/delivery-status",
        "message/rfc822",
    ]
    assert blocks(status) == [
        {
            "Reporting-MTA": "dns; mail.example.test",
            "Original-Envelope-Id": "QQ=314159",
            "Arrival-Date": "Sun, 01 Mar 2026 11:59:00 +0000",
        },
        {
            "Original-Recipient": "rfc822; Bob+X@far.example",
            "Final-Recipient": "rfc822; bob@far.example",
            "Action": "failed",
            "Status": "5.1.1",
            "Remote-MTA": "dns; mx.far.example",
            "Diagnostic-Code": "smtp; 550 5.1.1 No such user",
            "Last-Attempt-Date": "Sun, 01 Mar 2026 11:59:55 +0000",
        },
    ]
    assert returned.as_bytes(policy=email.policy.SMTP).endswith(ORIGINAL)


def test_it_stands_in_the_thread_of_the_message_and_nothing_answers_it() -> None:
    message, _ = read(make(FAILED))
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@mail.example.test>"
    assert message["To"] == "<ann@example.test>"
    assert message["Subject"] == "Not delivered: lunch"
    assert message["In-Reply-To"] == "<1@example.test>"
    assert message["References"] == "<root@x> <b@x> <1@example.test>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert message["Message-ID"] == f"<{counting(16).hex()}@mail.example.test>"


def test_people_are_told_what_happened_why_and_what_to_do() -> None:
    assert text(make(FAILED)).split("\r\n") == [
        "This is the mail server mail.example.test.",
        "",
        "Your message could not be delivered to:",
        "",
        "  bob@far.example",
        "    You wrote to: Bob+X@far.example",
        "    There is no such address.",
        "    The server mx.far.example said: 550 5.1.1 No such user",
        "    What you can do: check the address for typing errors, or ask the recipient for the right one in another"
        " way.",
        "",
        "Your message:",
        "  Subject: lunch",
        "  Sent: Sun, 01 Mar 2026 11:59:00 +0000",
        "  Message-ID: 1@example.test",
        "",
        "The message is attached.",
        "",
    ]


def test_a_delay_says_until_when_we_try() -> None:
    late = RecipientStatus("b@far.example", Action.DELAYED, "4.4.1", None, None, "timed out", False, NOW, NOW + 86_400)
    notification = make(late)
    _, (_, status, returned) = read(notification)
    assert blocks(status)[1] == {
        "Final-Recipient": "rfc822; b@far.example",
        "Action": "delayed",
        "Status": "4.4.1",
        "Diagnostic-Code": "X-Mailserver; timed out",
        "Last-Attempt-Date": "Sun, 01 Mar 2026 12:00:00 +0000",
        "Will-Retry-Until": "Mon, 02 Mar 2026 12:00:00 +0000",
    }
    assert returned.get_content_type() == "text/rfc822-headers"  # nothing failed: RFC 3461 §4.3
    assert "We keep trying until Mon, 02 Mar 2026 12:00:00 +0000." in text(notification)


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED, Action.EXPANDED])
def test_success_gives_no_content_back(action: Action) -> None:
    notification = make(RecipientStatus("b@far.example", action, "2.0.0"), ret=Ret.FULL)
    _, (_, status, returned) = read(notification)
    assert blocks(status)[1]["Action"] == action
    assert returned.get_content_type() == "text/rfc822-headers"
    assert returned.get_payload() == HEADER.decode()
    assert "What you can do" not in text(notification)


def test_several_recipients_have_a_block_each() -> None:
    other = RecipientStatus("eve@far.example", Action.FAILED, "5.2.2", diagnostic="552 5.2.2 full")
    _, (_, status, _) = read(make(FAILED, other))
    assert [block.get("Final-Recipient") for block in blocks(status)] == [
        None,
        "rfc822; bob@far.example",
        "rfc822; eve@far.example",
    ]


@pytest.mark.parametrize(
    ("ret", "size", "media_type"),
    [
        (None, 100, "message/rfc822"),
        (Ret.FULL, 100, "message/rfc822"),
        (Ret.HDRS, 100, "text/rfc822-headers"),
        (Ret.FULL, MAX_RETURNED_OCTETS + 1, "text/rfc822-headers"),  # bounded, whatever was asked for
    ],
)
def test_ret_says_how_much_comes_back(ret: Ret | None, size: int, media_type: str) -> None:
    original = HEADER + b"\r\n" + b"x" * size + b"\r\n"
    _, (_, _, returned) = read(make(FAILED, original=original, ret=ret))
    assert returned.get_content_type() == media_type


def test_a_subject_beyond_ascii_is_shown() -> None:
    notification = make(FAILED, original=HEADER.replace(b"lunch", b"=?utf-8?q?Gr=C3=BC=C3=9Fe?="))
    message, _ = read(notification)
    assert message["Subject"] == "=?utf-8?b?Tm90IGRlbGl2ZXJlZDogR3LDvMOfZQ==?="
    assert "Subject: Grüße" in text(notification)
    assert not notification.smtputf8


def test_addresses_beyond_ascii_make_it_a_global_report() -> None:
    greek = RecipientStatus(
        "δοκιμή@παράδειγμα.example", Action.FAILED, "5.1.1", r"utf-8;\x{3B4}@παράδειγμα.example", diagnostic="550 δεν"
    )
    notification = make(greek, sender="άννα@example.test")
    assert notification.smtputf8
    message, (_, status, returned) = read(notification)
    assert message.get_param("report-type") == "global-delivery-status"
    assert status.get_content_type() == "message/global-delivery-status"
    assert returned.get_content_type() == "message/global"
    octets = notification.octets.decode("utf-8")
    assert "Final-Recipient: utf-8; δοκιμή@παράδειγμα.example\r\n" in octets
    assert "Original-Recipient: utf-8; δ@παράδειγμα.example\r\n" in octets
    assert "Diagnostic-Code: smtp; 550 δεν\r\n" in octets
    assert "To: <άννα@example.test>\r\n" in octets


def test_a_utf8_header_makes_it_global_and_other_8_bit_does_not() -> None:
    assert make(FAILED, original="Subject: Grüße\r\n\r\nx\r\n".encode()).smtputf8
    latin = make(FAILED, original=b"Subject: Gr\xfc\xdfe\r\n\r\nx\r\n")
    assert (latin.smtputf8, latin.is_8bit) == (False, True)
    assert make(FAILED).is_8bit is False


def test_what_a_server_says_can_not_forge_a_field() -> None:
    evil = RecipientStatus(
        "bob@far.example",
        Action.FAILED,
        "5.1.1",
        remote_mta="mx\r\nX-Evil: 1",
        diagnostic="550 no\r\n\r\nFinal-Recipient: rfc822; victim@x.example\r\n--" + counting(16).hex() + "\x00\x1b[0m",
    )
    message, parts = read(make(evil))
    assert len(parts) == 3
    found = blocks(parts[1])
    assert len(found) == 2
    assert found[1]["Final-Recipient"] == "rfc822; bob@far.example"
    assert "X-Evil" not in found[1] and "X-Evil" not in message


def test_an_original_that_is_no_message_is_returned_all_the_same() -> None:
    for odd in (b"", b"\r\n", b"no header\n", b"\x00\xff", b"A:\n b\rc"):
        _, parts = read(make(FAILED, original=odd))
        assert len(parts) == 3


@pytest.mark.parametrize(
    ("status", "begins"),
    [
        ("5.1.1", "There is no such address"),
        ("5.1.10", "The part of the address"),
        ("5.1.99", "The recipient's server does not take"),
        ("4.4.7", "The recipient's server could not be reached, or"),
        ("5.7.509", "The recipient's server refused the message because of its rules"),
        ("4.9.9", "The recipient's server put the message off"),
        ("5.0.0", "The recipient's server refused"),
        ("nonsense", "The recipient's server refused"),
    ],
)
def test_every_status_has_words(status: str, begins: str) -> None:
    assert dsn_words.meaning(status)[0].startswith(begins)


TEXTS = st.text(max_size=1500)
ADDRESSES = st.from_regex(r"[a-z0-9.+δ]{1,30}@[a-z0-9δ-]{1,30}\.example", fullmatch=True)


@given(TEXTS, TEXTS, st.none() | TEXTS, st.binary(max_size=500), TEXTS)
def test_whatever_strangers_wrote_it_is_one_message_of_three_parts(
    diagnostic: str, mta: str, orcpt: str | None, original: bytes, recipient: str
) -> None:
    status = RecipientStatus(recipient, Action.FAILED, "5.0.0", orcpt, mta, diagnostic)
    notification = make(status, original=original)
    assert b"\n" not in notification.octets.replace(b"\r\n", b"")
    head, _, body = notification.octets.partition(b"\r\n\r\n")
    assert head.count(b"\r\nContent-Type:") == 1
    boundary = b"--" + counting(16).hex().encode()
    assert body.count(boundary) == 4
    returned_at = body.rindex(boundary + b"\r\n")
    lines = (head + b"\r\n" + body[:returned_at]).split(b"\r\n")
    assert max(map(len, lines)) <= 998


@given(
    st.lists(
        st.tuples(ADDRESSES, st.sampled_from([*Action]), st.sampled_from(["5.1.1", "4.4.7", "2.0.0"])),
        min_size=1,
        max_size=5,
        unique_by=lambda each: each[0],
    ),
    st.none() | st.from_regex(r"[A-Za-z0-9=+]{1,40}", fullmatch=True),
)
def test_our_own_reader_understands_what_we_write(told: list[tuple[str, Action, str]], envid: str | None) -> None:
    recipients = [
        RecipientStatus(address, action, status, f"utf-8;{address}", "mx.example", f"550 {status} no")
        for address, action, status in told
    ]
    given = {"envid": xtext.encode(envid)} if envid else {}
    bounce = bounces.parse(make(*recipients, **given).octets)
    assert bounce is not None
    assert [(each.address, each.action, each.status) for each in bounce.recipients] == told
    assert [each.original for each in bounce.recipients] == [address for address, _, _ in told]
    assert bounce.envid == envid
    assert bounce.message_ids[0] == "1@example.test"


@given(st.text(st.characters(codec="utf-8")))
def test_xtext_comes_back(value: str) -> None:
    assert xtext.decode(xtext.encode(value)) == value
    assert xtext.encode(value).isascii()
