"""ENVELOPE, BODY and BODYSTRUCTURE byte for byte. RFC 9051 §7.5.2."""

import pytest

from mailserver.mail.describe import describe
from mailserver.mail.imap_strings import nstring, string


def crlf(text: str) -> bytes:
    return text.encode("utf-8").replace(b"\n", b"\r\n")


NOBODY = b"NIL NIL NIL NIL NIL NIL"  # from sender reply-to to cc bcc

ENVELOPES = [
    pytest.param("", b"(NIL NIL " + NOBODY + b" NIL NIL)", id="empty"),
    pytest.param(
        # RFC 9051 §8, the example connection
        "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\n"
        "From: Terry Gray <gray@cac.washington.edu>\n"
        "Subject: IMAP4rev2 WG mtg summary and minutes\n"
        "To: imap@cac.washington.edu\n"
        "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\n"
        "Message-Id: <B27397-0100000@cac.washington.edu>\n"
        "MIME-Version: 1.0\n"
        "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\n\n",
        b'("Wed, 17 Jul 1996 02:23:25 -0700 (PDT)" "IMAP4rev2 WG mtg summary and minutes"'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
        b' (("Terry Gray" NIL "gray" "cac.washington.edu"))'
        b' ((NIL NIL "imap" "cac.washington.edu"))'
        b' ((NIL NIL "minutes" "CNRI.Reston.VA.US")("John Klensin" NIL "KLENSIN" "MIT.EDU"))'
        b' NIL NIL "<B27397-0100000@cac.washington.edu>")',
        id="the example of RFC 9051",
    ),
    pytest.param(
        "Subject: x\n", b'(NIL "x" ' + NOBODY + b" NIL NIL)", id="nobody: NIL for all addresses"
    ),
    pytest.param("Subject:\nDate:  \n", b"(NIL NIL " + NOBODY + b" NIL NIL)", id="empty fields are NIL"),
    pytest.param(
        "Subject: a\n folded\n\tsubject\n", b'(NIL "a folded\tsubject" ' + NOBODY + b" NIL NIL)", id="unfolded"
    ),
    pytest.param(
        'Subject: say "hi" \\o/\n', b'(NIL "say \\"hi\\" \\\\o/" ' + NOBODY + b" NIL NIL)", id="quoted characters"
    ),
    pytest.param(
        "Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\n",
        b'(NIL "=?utf-8?q?gr=C3=BC=C3=9Fe?=" ' + NOBODY + b" NIL NIL)",
        id="encoded words stay",
    ),
    pytest.param(
        "Subject: grüße\n", b"(NIL {7}\r\ngr\xc3\xbc\xc3\x9fe " + NOBODY + b" NIL NIL)", id="8-bit"
    ),
    pytest.param("Subject: a\rb\0c\n", b"(NIL {4}\r\na\rbc " + NOBODY + b" NIL NIL)", id="bare CR and NUL"),
    pytest.param(
        "From: a@x\nSender:\nReply-To: b@y\n",
        b'(NIL NIL ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) ((NIL NIL "b" "y")) NIL NIL NIL NIL NIL)',
        id="an empty Sender is From",
    ),
    pytest.param(
        "To: a@x\nCc: c@z\nTo: b@y\nSubject: 1\nSubject: 2\n",
        b'(NIL "1" NIL NIL NIL ((NIL NIL "a" "x")(NIL NIL "b" "y")) ((NIL NIL "c" "z")) NIL NIL NIL)',
        id="two To fields are one list, of two Subjects the first",
    ),
    pytest.param(
        "To: A Group:Ed Jones <joe@where.test>,joe@where.test,John <jdoe@one.test>;\nCc: Undisclosed recipients:;\n",
        b'(NIL NIL NIL NIL NIL ((NIL NIL "A Group" NIL)("Ed Jones" NIL "joe" "where.test")(NIL NIL "joe" "where.test")'
        b'("John" NIL "jdoe" "one.test")(NIL NIL NIL NIL))'
        b' ((NIL NIL "Undisclosed recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL)',
        id="groups, RFC 5322 A.1.3",
    ),
    pytest.param(
        "To: <@one.test,@two.test:joe@three.test>, nobody, <>, \"a \\\"b\" <\"q u\"@x>\n",
        b'(NIL NIL NIL NIL NIL ((NIL "@one.test,@two.test" "joe" "three.test")(NIL NIL "nobody" "")(NIL NIL "" "")'
        b'("a \\"b" NIL "q u" "x")) NIL NIL NIL NIL)',
        id="route, no domain, nothing at all, quoting",
    ),
    pytest.param(
        "From: Jörg <jörg@exämple.test>\n",
        b"(NIL NIL " + b" ".join([b"(({5}\r\nJ\xc3\xb6rg NIL {5}\r\nj\xc3\xb6rg {13}\r\nex\xc3\xa4mple.test))"] * 3)
        + b" NIL NIL NIL NIL NIL)",
        id="internationalised addresses",
    ),
    pytest.param(
        "In-Reply-To: <a@b>\n <c@d>\nMessage-ID:<e@f>\n",
        b'(NIL NIL NIL NIL NIL NIL NIL NIL "<a@b> <c@d>" "<e@f>")',
        id="message ids as they are",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), ENVELOPES)
def test_envelope(header: str, expected: bytes) -> None:
    assert describe(crlf(header + "\nbody\n")).envelope == expected


PLAIN = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d %d NIL NIL NIL NIL)'

STRUCTURES = [
    pytest.param("Subject: x\n\n1\n2\n", PLAIN % (6, 2), id="no MIME: text/plain in US-ASCII"),
    pytest.param("", PLAIN % (0, 0), id="empty message"),
    pytest.param("Content-Type: nonsense\n\nx", PLAIN % (1, 0), id="unreadable type"),
    pytest.param(
        "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\nContent-Transfer-Encoding: QUOTED-PRINTABLE\n\nx\n",
        b'("text" "plain" ("charset" "US-ASCII") NIL NIL "quoted-printable" 3 1 NIL NIL NIL NIL)',
        id="values keep their case",
    ),
    pytest.param(
        "Content-Type: text/html\n\nx",
        b'("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 1 0 NIL NIL NIL NIL)',
        id="the default charset of text",
    ),
    pytest.param(
        'Content-Type: image/png; name="a \\"b\\".png"\nContent-ID: <1@x>\nContent-Description: A\n picture\n'
        "Content-Transfer-Encoding: base64\nContent-MD5: Q2hlY2s=\nContent-Disposition: inline;\n"
        ' filename="a.png"; size=4\nContent-Language: de, en\nContent-Location: http://x/a.png\n\nAAAA',
        b'("image" "png" ("name" "a \\"b\\".png") "<1@x>" "A picture" "base64" 4 "Q2hlY2s="'
        b' ("inline" ("filename" "a.png" "size" "4")) ("de" "en") "http://x/a.png")',
        id="every field of a basic body",
    ),
    pytest.param(
        "Content-Type: application/pdf\nContent-Disposition: attachment\nContent-Language: en\n\n",
        b'("application" "pdf" NIL NIL NIL "7bit" 0 NIL ("attachment" NIL) "en" NIL)',
        id="disposition without parameters, one language",
    ),
    pytest.param(
        "Content-Type: application/x; name*=utf-8''%e2%82%ac; title*0=one; title*1=two;\n"
        " desc*0*=''a%20; desc*1=\"b c\"\n\n",
        b'("application" "x" ("name*" "utf-8\'\'%e2%82%ac" "title" "onetwo" "desc*" "\'\'a%20b%20c")'
        b' NIL NIL "7bit" 0 NIL NIL NIL NIL)',
        id="continuations joined, extended values kept, RFC 2231 §6",
    ),
    pytest.param(
        'Content-Type: text/x; charset="é"\n\n',
        b'("text" "x" ("charset" {2}\r\n\xc3\xa9) NIL NIL "7bit" 0 0 NIL NIL NIL NIL)',
        id="8-bit in a parameter",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\nContent-Language: de\n\n--b\n"
        "\n1\n--b\nContent-Type: image/gif\n\n--b--\n",
        b"(" + PLAIN % (1, 0) + b'("image" "gif" NIL NIL NIL "7bit" 0 NIL NIL NIL NIL)'
        b' "mixed" ("boundary" "b") NIL "de" NIL)',
        id="multipart",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\nnothing\n", PLAIN % (9, 1), id="multipart without parts"
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
        "Content-Type: message/rfc822\nContent-Description: fw\n\nSubject: s\nFrom: a@x\n\n1\n2\n\n--b--\n",
        b'(("message" "rfc822" NIL NIL "fw" "7bit" 31'
        b' (NIL "s" ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) ((NIL NIL "a" "x")) NIL NIL NIL NIL NIL) '
        + PLAIN % (6, 2) + b" 5 NIL NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
        id="embedded message: envelope, body, lines of the whole",
    ),
    pytest.param(
        "Content-Type: message/global\n\nContent-Type: message/rfc822\n\nSubject: x\n\n",
        b'("message" "global" NIL NIL NIL "7bit" 46 (NIL NIL ' + NOBODY + b' NIL NIL)'
        b' ("message" "rfc822" NIL NIL NIL "7bit" 14 (NIL "x" ' + NOBODY + b" NIL NIL) "
        + PLAIN % (0, 0) + b" 2 NIL NIL NIL NIL) 4 NIL NIL NIL NIL)",
        id="message in message",
    ),
    pytest.param(
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n",
        b'("message" "delivery-status" NIL NIL NIL "7bit" 23 NIL NIL NIL NIL)',
        id="other message types are basic",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), STRUCTURES)
def test_body_structure(message: str, expected: bytes) -> None:
    assert describe(crlf(message)).body_structure == expected


def test_body_is_the_structure_without_extension_data() -> None:
    message = crlf(
        "Content-Type: multipart/mixed; boundary=b\nContent-Language: de\n\n--b\nContent-MD5: x\n\n1\n"
        "--b\nContent-Type: message/rfc822\nContent-Disposition: inline\n\n\n--b--\n"
    )
    assert describe(message).body == (
        b'(("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0)'
        b'("message" "rfc822" NIL NIL NIL "7bit" 0 (NIL NIL ' + NOBODY + b" NIL NIL)"
        b' ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0) 0) "mixed")'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", b'""'),
        (b"plain", b'"plain"'),
        (b'a"b\\c', b'"a\\"b\\\\c"'),
        (b"a\tb\x7f", b'"a\tb\x7f"'),
        (b"caf\xe9", b"{4}\r\ncaf\xe9"),
        (b"a\r\nb", b"{4}\r\na\r\nb"),
        (b"a\x00b", b"{2}\r\nab"),
    ],
)
def test_strings_are_quoted_or_literals(value: bytes, expected: bytes) -> None:
    assert string(value) == expected
    assert nstring(value) == (expected if value else b"NIL")
