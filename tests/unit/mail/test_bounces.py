"""Notifications as other servers write them, read: the files in foreign_bounces, and anything at all."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import bounces
from mailserver.mail.bounces import MAX_RECIPIENTS, Bounced
from mailserver.mail.reports import Action
from tests.growth import is_linear

SAMPLES = Path(__file__).parent / "foreign_bounces"

# file → (address, action, status, hard, the message it was about) of each recipient
READ: dict[str, list[tuple[str, str, str, bool, str]]] = {
    "postfix": [("bob@far.example", "failed", "5.1.1", True, "lunch.1@example.test")],
    "postfix-delayed": [("bob@slow.example", "delayed", "4.4.1", False, "slow.1@example.test")],
    "gmail": [("nobody@gmail.example", "failed", "5.1.1", True, "note.7@example.test")],
    "exchange-online": [("chris@corp.example", "failed", "5.1.10", True, "offer.3@example.test")],
    "exchange-2003": [("dora@old.example", "failed", "5.1.1", True, "minutes.9@example.test")],
    "exim": [
        ("erik@exim.example", "failed", "5.2.1", True, "both.2@example.test"),
        ("frida@exim.example", "failed", "5.2.1", True, "both.2@example.test"),
    ],
    "qmail": [
        ("gert@qmail.example", "failed", "5.7.1", False, "trip.4@example.test"),  # their rules: the address is there
        ("hilde@qmail.example", "failed", "5.1.1", True, "trip.4@example.test"),
    ],
    "sendmail": [("ingo@sm.example", "failed", "5.2.2", False, "photos.5@example.test")],  # full now, perhaps not later
    "plain-text": [("jan@web.example", "failed", "5.0.0", True, "poster.8@example.test")],
    "internationalized": [("δοκιμή@παράδειγμα.example", "failed", "5.1.1", True, "greek.6@example.test")],
    "success": [("bob@far.example", "delivered", "2.0.0", False, "ok.1@example.test")],
    "vacation": [],
    "newsletter": [],
}


def test_every_sample_is_read() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == READ.keys()


@pytest.mark.parametrize("name", READ)
def test_foreign_notifications_are_understood(name: str) -> None:
    bounce = bounces.parse((SAMPLES / f"{name}.eml").read_bytes())
    if not READ[name]:
        assert bounce is None
        return
    assert bounce is not None
    told = [
        (each.address, each.action.value, each.status, each.is_hard, bounce.message_ids[0])
        for each in bounce.recipients
    ]
    assert told == READ[name]


def test_what_the_sender_wrote_and_the_envelope_id_are_read() -> None:
    bounce = bounces.parse((SAMPLES / "postfix.eml").read_bytes())
    assert bounce is not None
    assert bounce.envid == "QQ314159"
    assert bounce.recipients[0].original == "robert@far.example"
    assert bounce.recipients[0].diagnostic == "550 5.1.1 <bob@far.example> User doesn't exist: bob@far.example"
    greek = bounces.parse((SAMPLES / "internationalized.eml").read_bytes())
    assert greek is not None
    assert greek.recipients[0].original == "δοκ@παράδειγμα.example"


def test_a_report_about_ten_thousand_is_cut() -> None:
    block = b"Final-Recipient: rfc822; %d@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    message = b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n\r\n"
    bounce = bounces.parse(message + b"".join(block % number for number in range(10_000)))
    assert bounce is not None
    assert len(bounce.recipients) <= MAX_RECIPIENTS


def test_what_is_read_can_be_shown_in_one_line() -> None:
    message = (
        b"Content-Type: message/delivery-status\r\n\r\nA: b\r\n\r\nFinal-Recipient: rfc822; a\x1b[31m\x00@b.example\r\n"
        b"Diagnostic-Code: smtp; 550 \x1b]0;title\x07 5.1.1\r\n no \x00\r\n"
    )
    bounce = bounces.parse(message)
    assert bounce is not None
    assert bounce.recipients == (Bounced("a[31m@b.example", None, Action.FAILED, "5.1.1", "550 ]0;title 5.1.1 no"),)


PIECES = st.sampled_from(
    [
        *(line + b"\r\n" for path in sorted(SAMPLES.glob("*.eml")) for line in path.read_bytes().split(b"\r\n")),
        b"\r\n\r\n",
        b"\x00\xff",
        b"--",
    ]
)


@given(st.lists(PIECES, max_size=60))
def test_pieces_of_notifications_in_any_order_are_read_or_not(pieces: list[bytes]) -> None:
    bounce = bounces.parse(b"".join(pieces))
    assert bounce is None or all(len(each.address) > 0 and each.status[0] in "245" for each in bounce.recipients)


@given(st.binary(max_size=2000))
def test_any_octets_are_read_or_not(octets: bytes) -> None:
    for start in (b"", b"From: mailer-daemon@x\r\n\r\n", b"Content-Type: message/delivery-status\r\n\r\n"):
        bounces.parse(start + octets)


@pytest.mark.parametrize(
    "unit",
    [
        b"-",
        b"a",
        b"<a@b>:\r\n",
        b"--- original message",
        b"5.1.1 ",
        b"550 ",
        b"a@b.c ",
        b"\r\n",
        b"\r\n \r\n",
        b"@",
        b"\n<",
    ],
)
@pytest.mark.parametrize("start", [b"From: mailer-daemon@x\r\n\r\n", b"Content-Type: message/delivery-status\r\n\r\n"])
def test_hostile_text_costs_no_more_than_its_length(start: bytes, unit: bytes) -> None:
    def work(times: int) -> Callable[[], object]:
        return partial(bounces.parse, start + unit * times)

    assert is_linear(work, bounces.MAX_OCTETS // 2 // len(unit))
