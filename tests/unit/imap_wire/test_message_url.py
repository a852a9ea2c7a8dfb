"""URLs of messages: the RFCs' examples, what is not one of this account, and how a refusal names them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.imap.wire import message_url
from mailserver.imap.wire.fetch_items import Partial, Section, SectionText
from mailserver.imap.wire.message_url import MAX_URL_OCTETS, MessageUrl
from mailserver.imap.wire.reader import BadSyntax

ALL = Section()
URLS = [
    (b"/Drafts;UIDVALIDITY=385759045/;UID=20", MessageUrl("Drafts", 385759045, 20, ALL, None)),
    (
        b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=HEADER",
        MessageUrl("Drafts", 385759045, 20, Section("", SectionText.HEADER), None),
    ),
    (
        b"/Drafts;UIDVALIDITY=385759045/;UID=20/;section=1.MIME",
        MessageUrl("Drafts", 385759045, 20, Section("1", SectionText.MIME), None),
    ),
    (b"/INBOX;UIDVALIDITY=785799047/;UID=1/;section=1.5.9", MessageUrl("INBOX", 785799047, 1, Section("1.5.9"), None)),
    (b"/Drafts/;UID=3002", MessageUrl("Drafts", None, 3002, ALL, None)),  # RFC 8508 §4.2
    (b"/a/b%20c/gr%C3%BC%C3%9Fe/;UID=7/", MessageUrl("a/b c/grüße", None, 7, ALL, None)),
    (b"/x%3By;uidvalidity=1/;uid=2/;Section=TEXT", MessageUrl("x;y", 1, 2, Section("", SectionText.TEXT), None)),
    (b"/;UID=5/;SECTION=1", MessageUrl("", None, 5, Section("1"), None)),  # in the selected mailbox
    (b";UID=5", MessageUrl("", None, 5, ALL, None)),
    (b"/INBOX/;UID=5/;PARTIAL=0.1024", MessageUrl("INBOX", None, 5, ALL, Partial(0, 1024))),  # RFC 5092
    (b"/INBOX/;UID=5/;SECTION=2/;PARTIAL=10", MessageUrl("INBOX", None, 5, Section("2"), Partial(10, 2**63))),
    (
        b"/INBOX/;UID=5/;SECTION=HEADER.FIELDS%20(From%20To)",
        MessageUrl("INBOX", None, 5, Section("", SectionText.HEADER_FIELDS, (b"From", b"To")), None),
    ),
]


@pytest.mark.parametrize(("url", "wanted"), URLS)
def test_urls(url: bytes, wanted: MessageUrl) -> None:
    assert message_url.parse(url) == wanted


NOT_URLS = [
    b"",
    b"/",
    b"/INBOX",
    b"/INBOX;UIDVALIDITY=1",
    b"/INBOX/;UID=0",
    b"/INBOX/;UID=99999999999",
    b"/INBOX/;UID=x",
    b"/INBOX/;UID=1/;SECTION=",
    b"/INBOX/;UID=1/;SECTION=NOTHING",
    b"/INBOX/;UID=1/;SECTION=1]%20x",
    b"/INBOX/;UID=1/;PARTIAL=0.0",
    b"/INBOX/;UID=1/;URLAUTH=submit+ann:internal:91354a473744909de610943775f92038",
    b"imap://ann@mail.example.test/INBOX/;UID=1",  # with a scheme and server it is none of RFC 4469's
    b"IMAP://mail.example.test/INBOX/;UID=1",
    b"http://x/;UID=1;a",
    b"/%FF/;UID=1",
    b"/" + b"a" * MAX_URL_OCTETS + b"/;UID=1",
]


@pytest.mark.parametrize("url", NOT_URLS)
def test_not_urls(url: bytes) -> None:
    with pytest.raises(BadSyntax):
        message_url.parse(url)


def test_a_refusal_can_name_any_url() -> None:
    assert message_url.spoken(b"/INBOX;UIDVALIDITY=1/;UID=20") == "/INBOX;UIDVALIDITY=1/;UID=20"
    assert message_url.spoken(b'/a]\r\n "\\\xfc') == "/a%5D%0D%0A%20%22%5C%FC"
    assert len(message_url.spoken(b"x" * 10_000)) == 1000


@given(st.binary(max_size=60))
def test_nothing_but_bad_syntax_is_raised(url: bytes) -> None:
    message_url.spoken(url).encode("ascii")
    for each in (url, b"/INBOX/;UID=1/;SECTION=" + url):
        try:
            message_url.parse(each)
        except BadSyntax:
            continue
