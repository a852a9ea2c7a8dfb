"""ENVELOPE and BODYSTRUCTURE of messages that nobody should send and many do, byte for byte. RFC 9051 §7.5.2."""

import pytest

from mailserver.mail.describe import describe


def crlf(text: str) -> bytes:
    return text.encode("utf-8").replace(b"\n", b"\r\n")


def sent_by(address: bytes) -> bytes:
    """From, which is Sender and Reply-To then."""
    return b"(NIL NIL " + b" ".join([b"(%b)" % address] * 3) + b" NIL NIL NIL NIL NIL)"


def sent_to(*addresses: bytes) -> bytes:
    return b"(NIL NIL NIL NIL NIL (%b) NIL NIL NIL NIL)" % b"".join(addresses)


A, B = b'(NIL NIL "a" "x")', b'(NIL NIL "b" "y")'

ENVELOPES = [
    pytest.param(
        'From: bob (Bob the "builder")\n',
        sent_by(b'("Bob the \\"builder\\"" NIL "bob" "")'),
        id="a comment is the name, no domain",
    ),
    pytest.param(
        'From: "Doe, Jane" <jane@x>, =?utf-8?q?J=C3=B6rg?= <j@y>\n',
        sent_by(b'("Doe, Jane" NIL "jane" "x")("=?utf-8?q?J=C3=B6rg?=" NIL "j" "y")'),
        id="a comma in quotes, an encoded word as name",
    ),
    pytest.param("To: a@x; b@y\n", sent_to(A, B), id="semicolons between addresses, as Outlook shows them"),
    pytest.param("To: a@x,, ,b@y,\n", sent_to(A, B), id="empty places in the list"),
    pytest.param("From: Bob <b@y\n", sent_by(b'("Bob" NIL "b" "y")'), id="no closing angle"),
    pytest.param('From: "unclosed <b@y>\n', sent_by(b'(NIL NIL "unclosed <b@y>" "")'), id="no closing quote"),
    pytest.param(
        "To: Friends:;, a@x\n",
        sent_to(b'(NIL NIL "Friends" NIL)(NIL NIL NIL NIL)', A),
        id="an empty group before an address",
    ),
    pytest.param("From: bob@[192.0.2.1]\n", sent_by(b'(NIL NIL "bob" "[192.0.2.1]")'), id="an address literal"),
    pytest.param('From: <"a\\"b"@x>\n', sent_by(b'(NIL NIL "a\\"b" "x")'), id="a quote in a local part"),
    pytest.param("Sender: a@x\nFrom:\n", b"(NIL NIL NIL (%b) NIL NIL NIL NIL NIL NIL)" % A, id="Sender without From"),
    pytest.param(
        "DATE: x\nsubject : y\n", b'("x" "y" NIL NIL NIL NIL NIL NIL NIL NIL)', id="any case, space before the colon"
    ),
    pytest.param(
        "Subject: =?x?=\nMessage-ID: no brackets\n",
        b'(NIL "=?x?=" NIL NIL NIL NIL NIL NIL NIL "no brackets")',
        id="half an encoded word, a message id that is none",
    ),
]


@pytest.mark.parametrize(("header", "expected"), ENVELOPES)
def test_envelope(header: str, expected: bytes) -> None:
    assert describe(crlf(header + "\nbody\n")).envelope == expected


PLAIN = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" %d %d NIL NIL NIL NIL)'
MIXED = b' "mixed" ("boundary" "b") NIL NIL NIL)'
NOBODY = b"NIL NIL NIL NIL NIL NIL"  # from sender reply-to to cc bcc

STRUCTURES = [
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\nContent-Type: text/html\n\n<p>",
        b"(" + PLAIN % (3, 0) + b'("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL)' + MIXED,
        id="no closing delimiter, cut off in the last part",
    ),
    pytest.param("Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n", PLAIN % (19, 4), id="no boundary parameter"),
    pytest.param(
        'Content-Type: multipart/mixed; boundary=""\n\n--\n\nx\n----\n', PLAIN % (15, 4), id="an empty boundary"
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\npre\n--b--\nepilogue\n",
        PLAIN % (22, 3),
        id="only the closing delimiter",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n--b\n\n--b--\n",
        b"(" + PLAIN % (0, 0) + PLAIN % (0, 0) + MIXED,
        id="a part without even an empty line",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=bb\n\n"
        "--bb\n\nx\n--bb--\n--b\n\ny\n--b--\n",
        b"((" + PLAIN % (1, 0) + b' "alternative" ("boundary" "bb") NIL NIL NIL)' + PLAIN % (1, 0) + MIXED,
        id="a boundary that begins like the outer one",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/alternative; boundary=c\n\n"
        "--c\n\nx\n--b\n\ny\n--b--\n",
        b"((" + PLAIN % (1, 0) + b' "alternative" ("boundary" "c") NIL NIL NIL)' + PLAIN % (1, 0) + MIXED,
        id="the outer boundary ends an inner multipart that was not closed",
    ),
    pytest.param(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: in\n\nx\n--b--\n",
        b'(("message" "rfc822" NIL NIL NIL "7bit" 16 (NIL "in" ' + NOBODY + b" NIL NIL) "
        + PLAIN % (1, 0) + b' 2 NIL NIL NIL NIL) "digest" ("boundary" "b") NIL NIL NIL)',
        id="parts of a digest are messages",
    ),
    pytest.param(
        "Content-Type: message/rfc822\n\n",
        b'("message" "rfc822" NIL NIL NIL "7bit" 0 (NIL NIL ' + NOBODY + b" NIL NIL) "
        + PLAIN % (0, 0) + b" 0 NIL NIL NIL NIL)",
        id="an embedded message without an octet",
    ),
    pytest.param(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA0K\n",
        b'("application" "octet-stream" NIL NIL NIL "base64" 18 NIL NIL NIL NIL)',
        id="an encoded message, which no standard allows, is a file",
    ),
    pytest.param(
        "Content-Type: message/rfc822\n\nSubject: grüße\nTo: x:;\n\nb\n",
        b'("message" "rfc822" NIL NIL NIL "7bit" 32 (NIL {7}\r\ngr\xc3\xbc\xc3\x9fe NIL NIL NIL'
        b' ((NIL NIL "x" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL) ' + PLAIN % (3, 1) + b" 4 NIL NIL NIL NIL)",
        id="8-bit and a group in an embedded header",
    ),
    pytest.param("Content-Type: text/plain; charset\n\nx", PLAIN % (1, 0), id="a parameter without a value"),
    pytest.param(
        'Content-Type: text/plain; charset="a b"; x=1; x=2\n\nx',
        b'("text" "plain" ("charset" "a b" "x" "1") NIL NIL "7bit" 1 0 NIL NIL NIL NIL)',
        id="of two parameters of one name the first",
    ),
    pytest.param(
        "Content-Language: (none)\nContent-Transfer-Encoding: foo bar\n\nx",
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "foo" 1 0 NIL NIL "(none)" NIL)',
        id="an encoding and a language nobody knows",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), STRUCTURES)
def test_body_structure(message: str, expected: bytes) -> None:
    assert describe(crlf(message)).body_structure == expected
