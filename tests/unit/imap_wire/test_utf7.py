"""Modified UTF-7: RFC 3501's examples, one spelling per name, and imapclient as the oracle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient import imap_utf7

from mailserver.imap.wire import utf7

TABLE = [
    ("", b""),
    ("INBOX", b"INBOX"),
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 §5.1.3
    ("Entwürfe", b"Entw&APw-rfe"),
    ("A&B", b"A&-B"),
    ("&", b"&-"),
    ("&&", b"&-&-"),
    ("é&", b"&AOk-&-"),
    ("Hello-", b"Hello-"),
    ("\N{SNOWMAN}\N{PILE OF POO}", b"&JgPYPdyp-"),
    ("a\tb", b"a&AAk-b"),  # decoded here; names with controls are refused by the reader
]

REFUSED = [
    b"&",
    b"&AOk",
    b"a&b",
    b"&AOk-&AOk-",  # a superfluous shift: RFC 3501's second example
    b"&U,BTFw-&ZeVnLIqe-",
    b"&AGE-",  # "a", which stands for itself
    b"&ACY-",  # "&", which is "&-"
    b"&AOl-",  # bits after the last character
    b"&AO-",  # half a character
    b"&A-",
    b"&2D0-",  # unpaired surrogates
    b"&3Kk-",
    b"&U/BTFw-",  # base64 of MIME, not of IMAP
    b"&AOk=-",
    b"caf\xc3\xa9",
    b"a\tb",
    b"\x7f",
    b"\0",
]


@pytest.mark.parametrize(("name", "octets"), TABLE)
def test_both_ways(name: str, octets: bytes) -> None:
    assert utf7.encode(name) == octets
    assert utf7.decode(octets) == name


@pytest.mark.parametrize("octets", REFUSED)
def test_other_spellings_are_refused(octets: bytes) -> None:
    with pytest.raises(utf7.BadUtf7):
        utf7.decode(octets)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_every_name_survives(name: str) -> None:
    assert utf7.decode(utf7.encode(name)) == name


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_imapclient_writes_the_same(name: str) -> None:
    assert utf7.encode(name) == imap_utf7.encode(name)


@given(st.binary() | st.text("&-,+/AOkJw=ab ").map(str.encode))
def test_what_is_accepted_is_what_would_be_written(octets: bytes) -> None:
    try:
        name = utf7.decode(octets)
    except utf7.BadUtf7:
        return
    assert utf7.encode(name) == octets
    assert imap_utf7.decode(octets) == name


def test_time_is_linear() -> None:
    for hostile in (b"&" * 100_000, b"&-" * 50_000, b"&AOk-" * 20_000, b"&" + b"A" * 100_000):
        try:
            utf7.decode(hostile)
        except utf7.BadUtf7:
            continue
