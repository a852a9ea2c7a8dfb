"""What clients that know no UTF-8 are shown of headers that have it: ASCII, and as much of the meaning as fits."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import downgrade
from mailserver.mail.describe import describe
from mailserver.mail.encoded_words import decode

NOBODY = b"NIL NIL NIL NIL NIL NIL"


def header(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode("utf-8") + b"\r\n"


def word(text: str) -> bytes:
    return b'"' + downgrade.encoded_words(text) + b'"'


ENVELOPES = [
    pytest.param("Subject: plain\n", b'(NIL "plain" ' + NOBODY + b" NIL NIL)", id="ASCII stays"),
    pytest.param("Subject: grüße\n", b'(NIL "=?utf-8?b?Z3LDvMOfZQ==?=" ' + NOBODY + b" NIL NIL)", id="a text"),
    pytest.param(
        "To: Jörg <jorg@example.test>, b@x\n",
        b"(NIL NIL NIL NIL NIL ((%b NIL \"jorg\" \"example.test\")(NIL NIL \"b\" \"x\")) NIL NIL NIL NIL)"
        % word("Jörg"),
        id="a display name",
    ),
    pytest.param(
        "To: ann@exämple.test\n",
        b'(NIL NIL NIL NIL NIL ((NIL NIL "ann" "xn--exmple-cua.test")) NIL NIL NIL NIL)',
        id="a domain has A-labels, one can write there",
    ),
    pytest.param(
        "To: Jörg <jörg@example.test>\n",
        b'(NIL NIL NIL NIL NIL ((%b NIL "invalid" "internationalized-address.invalid")) NIL NIL NIL NIL)'
        % word("Jörg <jörg@example.test>"),
        id="a local part has no ASCII form, RFC 6858 §2.1",
    ),
    pytest.param(
        "To: Größen: ann@x, jörg@x;\n",
        b"(NIL NIL NIL NIL NIL ((NIL NIL "
        + word("Größen")
        + b' NIL)(NIL NIL "ann" "x")('
        + word("jörg@x")
        + b' NIL "invalid" "internationalized-address.invalid")(NIL NIL NIL NIL)) NIL NIL NIL NIL)',
        id="groups",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), ENVELOPES)
def test_envelope(text: str, wanted: bytes) -> None:
    assert downgrade.envelope(describe(header(text)).envelope) == wanted


def test_octets_that_are_no_utf8_stay_as_they_are() -> None:
    for field in (b"Subject: gr\xfc\xdfe\r\n", b"To: J\xf6rg <j\xf6rg@x>\r\n", b"To: a@ex\xe4mple\r\n"):
        rendered = describe(field + b"\r\n").envelope
        assert not rendered.isascii()
        assert downgrade.envelope(rendered) == rendered


NESTED = (
    "Content-Type: multipart/mixed; boundary=x\n\n"
    '--x\nContent-Type: image/png; name="größe.png"\nContent-Description: ein Bild, größer\n\nx\n'
    "--x\nContent-Type: message/rfc822\n\n"
    "Subject: für dich\nFrom: Zoë <zoë@x>\nTo: grüße@y\n"
    "Content-Type: multipart/alternative; boundary=y\n\n--y\nContent-ID: <ü>\n\nhallo\n--y--\n\n--x--\n"
)


def test_body_structure_with_an_embedded_message() -> None:
    detail = describe(header(NESTED))
    for rendered in (detail.body, detail.body_structure):
        assert not rendered.isascii()
        shown = downgrade.body_structure(rendered)
        assert shown.isascii()
        assert b'"name" ' + word("größe.png") in shown
        assert word("ein Bild, größer") in shown
        assert b"(NIL " + word("für dich") in shown
        assert shown.count(b'"invalid" "internationalized-address.invalid"') == 4  # From, thus Sender and Reply-To; To
        assert word("Zoë <zoë@x>") in shown
        assert word("<ü>") in shown
        assert re.sub(rb'"[^"]*"', b"", shown).count(b"(") == re.sub(rb'"[^"]*"', b"", shown).count(b")")


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs", "Cf", "Cn"]), min_size=1, max_size=80)


@given(TEXT)
def test_encoded_words_are_short_and_mean_the_text(text: str) -> None:
    words = downgrade.encoded_words(text)
    assert all(len(each) <= 75 for each in words.split(b" "))
    assert decode(words) == unicodedata.normalize("NFC", text)


@given(st.lists(st.sampled_from(["Subject", "From", "To", "Cc", "Content-Type", "Content-ID"])), st.data())
def test_whatever_a_header_holds_the_structure_stays_whole(names: list[str], data: st.DataObject) -> None:
    values = st.text(st.sampled_from('äß<>@.,;:"()\\ =?a€x/{3}\r\n\t'), max_size=20)
    lines = "".join(f"{name}: {data.draw(values)}\r\n" for name in names)
    detail = describe(lines.encode() + b"\r\nbody")
    for shown in (downgrade.envelope(detail.envelope), downgrade.body_structure(detail.body_structure)):
        assert shown.isascii()
        assert downgrade.envelope(shown) == shown
