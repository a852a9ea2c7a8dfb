"""MAIL and RCPT by what the server offers, and EHLO replies of all sorts."""

import pytest

from mailserver.remote.content import Facts
from mailserver.remote.envelope import Mail, Plan, Recipient, Unsendable, mail_command, plan, rcpt_command
from mailserver.remote.extensions import Extensions, parse
from mailserver.remote.replies import Reply

ALL = Extensions(frozenset(("SIZE", "8BITMIME", "SMTPUTF8", "DSN", "REQUIRETLS")), size=1000)
NONE = Extensions()
PLAIN = Facts(100, is_ascii=True, header_is_ascii=True)
EIGHT = Facts(100, is_ascii=False, header_is_ascii=True)
UTF8 = Facts(100, is_ascii=False, header_is_ascii=False)
ANN = "ann@example.test"
BOB = Recipient("bob@example.net")


def conversation(mail: Mail, recipient: Recipient, facts: Facts, offered: Extensions) -> tuple[bytes, bytes, bool]:
    way = plan(mail, [recipient], facts, offered)
    is_ascii = facts.is_ascii or way.converts
    command = mail_command(mail, way, facts.octets, is_ascii, offered)
    return command, rcpt_command(recipient, way, offered), way.converts


@pytest.mark.parametrize(
    ("mail", "recipient", "facts", "offered", "expected"),
    [
        (Mail(ANN), BOB, PLAIN, NONE, (b"MAIL FROM:<ann@example.test>", b"RCPT TO:<bob@example.net>", False)),
        (Mail(""), BOB, PLAIN, NONE, (b"MAIL FROM:<>", b"RCPT TO:<bob@example.net>", False)),
        (  # a notification of mail under REQUIRETLS asks for it where it can, RFC 8689 §5
            Mail("", require_tls=True),
            BOB,
            PLAIN,
            ALL,
            (b"MAIL FROM:<> SIZE=100 REQUIRETLS", b"RCPT TO:<bob@example.net>", False),
        ),
        (  # and is not lost where it can not
            Mail("", require_tls=True),
            BOB,
            PLAIN,
            NONE,
            (b"MAIL FROM:<>", b"RCPT TO:<bob@example.net>", False),
        ),
        (
            Mail(ANN, envid="e+3Dx", ret="HDRS"),
            Recipient("bob@example.net", "SUCCESS,DELAY", "rfc822;b@example.net"),
            EIGHT,
            ALL,
            (
                b"MAIL FROM:<ann@example.test> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=e+3Dx",
                b"RCPT TO:<bob@example.net> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;b@example.net",
                False,
            ),
        ),
        (  # without DSN nothing of it is said
            Mail(ANN, envid="x", ret="FULL"),
            Recipient("bob@example.net", "NEVER", "rfc822;b@example.net"),
            PLAIN,
            NONE,
            (b"MAIL FROM:<ann@example.test>", b"RCPT TO:<bob@example.net>", False),
        ),
        (Mail(ANN), BOB, EIGHT, NONE, (b"MAIL FROM:<ann@example.test>", b"RCPT TO:<bob@example.net>", True)),
        (  # SMTPUTF8 only where it is needed
            Mail(ANN, smtputf8=True),
            BOB,
            PLAIN,
            ALL,
            (b"MAIL FROM:<ann@example.test> SIZE=100", b"RCPT TO:<bob@example.net>", False),
        ),
        (
            Mail(ANN, smtputf8=True),
            BOB,
            UTF8,
            ALL,
            (b"MAIL FROM:<ann@example.test> SIZE=100 BODY=8BITMIME SMTPUTF8", b"RCPT TO:<bob@example.net>", False),
        ),
        (
            Mail(ANN, smtputf8=True),
            Recipient("böb@bücher.example"),
            PLAIN,
            ALL,
            (
                b"MAIL FROM:<ann@example.test> SIZE=100 SMTPUTF8",
                "RCPT TO:<böb@bücher.example>".encode(),
                False,
            ),
        ),
        (  # a domain has an ASCII form
            Mail("ann@müller.example", smtputf8=True),
            Recipient("bob@bücher.example"),
            PLAIN,
            NONE,
            (b"MAIL FROM:<ann@xn--mller-kva.example>", b"RCPT TO:<bob@xn--bcher-kva.example>", False),
        ),
        (
            Mail(ANN, require_tls=True),
            BOB,
            PLAIN,
            ALL,
            (b"MAIL FROM:<ann@example.test> SIZE=100 REQUIRETLS", b"RCPT TO:<bob@example.net>", False),
        ),
        (  # raw 8-bit octets in a header of before SMTPUTF8 go as they are
            Mail(ANN),
            BOB,
            UTF8,
            ALL,
            (b"MAIL FROM:<ann@example.test> SIZE=100 BODY=8BITMIME", b"RCPT TO:<bob@example.net>", False),
        ),
        (
            Mail(ANN),
            Recipient('"b ob"@example.net'),
            PLAIN,
            NONE,
            (b"MAIL FROM:<ann@example.test>", b'RCPT TO:<"b ob"@example.net>', False),
        ),
    ],
)
def test_commands_say_what_the_server_understands(
    mail: Mail, recipient: Recipient, facts: Facts, offered: Extensions, expected: tuple[bytes, bytes, bool]
) -> None:
    assert conversation(mail, recipient, facts, offered) == expected


@pytest.mark.parametrize(
    ("mail", "recipient", "facts", "offered", "status", "words"),
    [
        (Mail(ANN), BOB, Facts(1001, True, True), ALL, "5.3.4", "1001 octets; the server takes 1000"),
        (Mail(ANN, require_tls=True), BOB, PLAIN, NONE, "5.7.30", "REQUIRETLS"),
        (Mail(ANN, smtputf8=True), BOB, UTF8, NONE, "5.6.9", "header holds UTF-8"),
        (Mail("änn@example.test", smtputf8=True), BOB, PLAIN, NONE, "5.6.7", "änn@example.test"),
        (Mail(ANN, smtputf8=True), Recipient("böb@example.net"), PLAIN, NONE, "5.6.7", "böb@example.net"),
        (Mail(ANN), Recipient("bob@example.net>\r\nRCPT TO:<x@y"), PLAIN, ALL, "5.1.3", "Not an address"),
        (Mail(ANN), Recipient("bob@example.net NOTIFY=NEVER"), PLAIN, ALL, "5.1.3", "Not an address"),
        (Mail("ann@example.test> AUTH=<x"), BOB, PLAIN, ALL, "5.1.3", "Not an address"),
        (Mail(ANN), Recipient("bob\0@example.net"), PLAIN, ALL, "5.1.3", "Not an address"),
    ],
)
def test_what_can_not_be_sent_to_this_server_is_refused_in_words(
    mail: Mail, recipient: Recipient, facts: Facts, offered: Extensions, status: str, words: str
) -> None:
    with pytest.raises(Unsendable, match=words) as refused:
        conversation(mail, recipient, facts, offered)
    assert refused.value.status == status
    assert str(refused.value.code).startswith("5")


def test_a_parameter_that_is_no_parameter_is_left_out() -> None:
    way = Plan(utf8=False, converts=False)
    assert mail_command(Mail(ANN, envid="a\r\nQUIT"), way, 1, True, ALL) == b"MAIL FROM:<ann@example.test> SIZE=1"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("mx.example.net hello",), Extensions()),
        (
            ("mx", "SIZE 1000", "8bitmime", "AUTH PLAIN LOGIN", "AUTH=LOGIN", "LIMITS RCPTMAX=20 MAILMAX=5 X"),
            Extensions(frozenset(("SIZE", "8BITMIME", "AUTH", "LIMITS")), 1000, ("PLAIN", "LOGIN", "LOGIN"), 20, 5),
        ),
        (("mx", "SIZE"), Extensions(frozenset(("SIZE",)))),
        (("mx", "SIZE 0", "LIMITS RCPTMAX=0"), Extensions(frozenset(("SIZE", "LIMITS")))),  # no limit, RFC 1870 §3
        (("mx", "SIZE -1"), Extensions(frozenset(("SIZE",)))),
        (("mx", "SIZE " + "9" * 5000), Extensions(frozenset(("SIZE",)))),
        (("mx", "SIZE ²"), Extensions(frozenset(("SIZE",)))),
        (("", "", "  ", "\udcff"), Extensions(frozenset(("\udcff",)))),
    ],
)
def test_extensions_are_read_tolerantly(lines: tuple[str, ...], expected: Extensions) -> None:
    assert parse(Reply(250, lines)) == expected
