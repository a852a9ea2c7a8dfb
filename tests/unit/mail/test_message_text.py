"""Text read in pieces is the text read in one go, wherever the pieces are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import charsets, html_text, message_text, transfer
from mailserver.mail.describe import describe
from mailserver.mail.html_text import HtmlText, text_of
from mailserver.mail.message_text import MessageOctets, body_has, header_has, text_has
from mailserver.mail.transfer import decoder

QUOTED = st.lists(st.sampled_from([b"a", b"=", b"=C3=A9", b"=\r\n", b"=\n", b"\r\n", b"\n", b" ", b"=4", b"=zz"])).map(
    b"".join
)


@given(
    st.one_of(st.binary(max_size=60), QUOTED), st.lists(st.integers(0, 60)), st.sampled_from(["base64", "7bit", "x"])
)
def test_transfer_encodings_do_not_see_where_pieces_are_cut(octets: bytes, cuts: list[int], encoding: str) -> None:
    assert in_pieces(octets, cuts, encoding) == transfer.decode(octets, encoding)


@given(QUOTED, st.lists(st.integers(0, 60)))
def test_quoted_printable_does_not_see_where_pieces_are_cut(octets: bytes, cuts: list[int]) -> None:
    assert in_pieces(octets, cuts, "quoted-printable") == transfer.decode(octets, "quoted-printable")


def test_an_endless_quoted_printable_line_is_not_kept_whole() -> None:
    undo = decoder("quoted-printable")
    pieces = [undo.feed(b"=C3=A9" * 30_000 + b"=C") for _ in range(6)]
    assert sum(map(len, pieces)) > 300_000


def in_pieces(octets: bytes, cuts: list[int], encoding: str) -> bytes:
    undo = decoder(encoding)
    edges = [0, *sorted(cuts), len(octets)]
    return b"".join(undo.feed(octets[a:b]) for a, b in itertools.pairwise(edges)) + undo.end()


def message(octets: bytes) -> MessageOctets:
    detail = describe(octets)
    return MessageOctets(lambda start, end: octets[start:end], detail.header_octets, detail.parts)


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16", "nonsense"])
@pytest.mark.parametrize("window", [1, 2, 3, 1000])
def test_text_is_found_across_windows_in_any_charset(
    charset: str, window: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_text, "WINDOW_OCTETS", window)
    body = "Grüße aus Köln".encode(charset if charsets.codec(charset) else "cp1252")
    header = f"Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n".encode()
    assert body_has(message(header + body), "GRÜSSE AUS KÖLN")
    assert not body_has(message(header + body), "Grüße an Köln")


def test_headers_of_embedded_messages_belong_to_the_body() -> None:
    octets = (
        b"Subject: outer\r\nContent-Type: message/rfc822\r\n\r\n"
        b"Subject: =?utf-8?q?=C3=9Cbersicht?=\r\nX-Odd: y\r\n\r\ninner text\r\n"
    )
    assert body_has(message(octets), "übersicht")
    assert body_has(message(octets), "inner")
    assert not body_has(message(octets), "outer")
    assert text_has(message(octets), "subject: OUTER")
    assert not header_has(message(octets), "Subject", "übersicht")


def html(body: str) -> MessageOctets:
    return message(b"Content-Type: text/html; charset=utf-8\r\n\r\n" + body.encode())


@pytest.mark.parametrize("window", [1, 5, 1000])
def test_html_is_searched_as_the_words_it_shows(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_text, "WINDOW_OCTETS", window)
    letter = html('<style>p.big {}</style><p class="odd">gr&uuml;<b>ß</b>e</p><!-- hidden -->end &amp; all')
    assert body_has(letter, "GRÜSSE")
    assert body_has(letter, "end & all")
    for markup in ("big", "odd", "uuml", "hidden", "<b>"):
        assert not body_has(letter, markup)


HTML = st.lists(
    st.sampled_from(
        (
            *("a", "&", "&amp;", "&amp", "&#x41;", "&#65", "&#" + "1" * 20, ";", "<", ">", "/", "-", " ", "</"),
            *("<b>", "</b>", "<p x='y'>", "<style>", "</style>", "<script", "<!--", "-->", "<!doctype"),
        )
    )
).map("".join)


@given(HTML, st.lists(st.integers(0, 60)))
def test_markup_does_not_see_where_pieces_are_cut(html: str, cuts: list[int]) -> None:
    shown = HtmlText()
    edges = [0, *sorted(cuts), len(html)]
    assert "".join(shown.feed(html[a:b]) for a, b in itertools.pairwise(edges)) + shown.end() == text_of(html)


def test_an_endless_comment_is_not_kept_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_text, "LONGEST_MARKUP", 100)
    shown = HtmlText()
    assert [shown.feed(piece) for piece in ("a<!--", "b" * 96, "c", "d")] == ["a", "", "", "d"]


def test_what_is_not_text_is_not_searched() -> None:
    octets = b"Content-Type: application/pdf\r\n\r\ninvoice\r\n"
    assert not body_has(message(octets), "invoice")
    assert body_has(message(octets), "")


def test_an_empty_text_asks_whether_the_field_is_there() -> None:
    octets = b"Comments:\r\n\r\n"
    assert header_has(message(octets), "COMMENTS", "")
    assert not header_has(message(octets), "Keywords", "")


@given(st.binary(max_size=300))
def test_no_octets_make_a_search_fail(octets: bytes) -> None:
    assert body_has(message(octets), "") is True
    text_has(message(octets), "x")
    header_has(message(octets), "Subject", "x")
