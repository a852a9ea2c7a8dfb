"""Where the scanner finds parts, on well-formed and on strange messages."""

import email
import mmap
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import octets, scanner
from mailserver.mail.describe import describe
from mailserver.mail.detail import Part


def crlf(text: str | bytes) -> bytes:
    raw = text.encode("utf-8") if isinstance(text, str) else text
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def outline(message: bytes) -> list[tuple[str, str, bytes]]:
    """(number, media type, body) of every entity, multiparts without their body."""
    return [
        (part.number, part.media_type, b"" if part.media_type.startswith("multipart/") else body(message, part))
        for part in describe(message).parts
    ]


def body(message: bytes, part: Part) -> bytes:
    return message[part.body_start : part.end]


MIXED = 'Content-Type: multipart/mixed; boundary="b"\n\n'

OUTLINES = [
    pytest.param("Subject: x\n\nhello\n", [("", "text/plain", b"hello\r\n")], id="no MIME at all"),
    pytest.param("", [("", "text/plain", b"")], id="empty message"),
    pytest.param("\nbody\n", [("", "text/plain", b"body\r\n")], id="empty header"),
    pytest.param("no header at all\n", [("", "text/plain", b"no header at all\r\n")], id="first line no field"),
    pytest.param("Subject: x", [("", "text/plain", b"")], id="header without line end"),
    pytest.param(
        "From mbox Mon Jan  1\nContent-Type: text/html\n\nx", [("", "text/html", b"x")], id="mbox separator first"
    ),
    pytest.param(
        "Subject: a\ngarbage\nContent-Type: text/html\n\nx", [("", "text/html", b"x")], id="garbage among the fields"
    ),
    pytest.param(
        MIXED + "preamble\n--b\n\none\n--b\nContent-Type: text/html\n\ntwo\n--b--\nepilogue\n",
        [("", "multipart/mixed", b""), ("1", "text/plain", b"one"), ("2", "text/html", b"two")],
        id="preamble and epilogue belong to no part",
    ),
    pytest.param(
        MIXED + "--b\n\none\n\n--b--", [("", "multipart/mixed", b""), ("1", "text/plain", b"one\r\n")],
        id="only the last line end is the delimiter's",
    ),
    pytest.param(
        MIXED + "--b\n\n--b\n\n--b--",
        [("", "multipart/mixed", b""), ("1", "text/plain", b""), ("2", "text/plain", b"")],
        id="empty parts",
    ),
    pytest.param(
        MIXED + "--b\nContent-Type: text/html\n--b--\n", [("", "multipart/mixed", b""), ("1", "text/html", b"")],
        id="part header without empty line",
    ),
    pytest.param(
        MIXED + "--b\njust text: not a field name\n--b--\n",
        [("", "multipart/mixed", b""), ("1", "text/plain", b"just text: not a field name")],
        id="part without header and without empty line",
    ),
    pytest.param(
        MIXED + "--b\n\none\n--b\n\ntwo\n",
        [("", "multipart/mixed", b""), ("1", "text/plain", b"one"), ("2", "text/plain", b"two\r\n")],
        id="never closed",
    ),
    pytest.param(
        MIXED + "--b \t\n\none\n--bc\n--b--x\n--b--  \n\n--b\n\nnot a part\n",
        [("", "multipart/mixed", b""), ("1", "text/plain", b"one\r\n--bc\r\n--b--x")],
        id="white space after a delimiter is padding, anything else is text; nothing follows the close",
    ),
    pytest.param(
        "Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n", [("", "text/plain", b"--b\r\n\r\none\r\n--b--\r\n")],
        id="no boundary parameter",
    ),
    pytest.param(MIXED + "no delimiter\n", [("", "text/plain", b"no delimiter\r\n")], id="no delimiter line"),
    pytest.param("Content-Type: text\n\nx", [("", "text/plain", b"x")], id="Content-Type without subtype"),
    pytest.param("Content-Type: ;;;\n\nx", [("", "text/plain", b"x")], id="unreadable Content-Type"),
    pytest.param(
        "Content-Type: Text/HTML (a comment) ; charset=x\n\nx", [("", "text/html", b"x")], id="comment in Content-Type"
    ),
    pytest.param(
        MIXED
        + '--b\nContent-Type: multipart/alternative; boundary="bb"\n\n--bb\n\n1\n--bb\n\n2\n--bb--\n--b\n\n3\n--b--\n',
        [
            ("", "multipart/mixed", b""),
            ("1", "multipart/alternative", b""),
            ("1.1", "text/plain", b"1"),
            ("1.2", "text/plain", b"2"),
            ("2", "text/plain", b"3"),
        ],
        id="outer boundary a prefix of the inner one",
    ),
    pytest.param(
        'Content-Type: multipart/mixed; boundary="bb"\n\n--bb\n'
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--bb\n\n2\n--bb--\n",
        [
            ("", "multipart/mixed", b""),
            ("1", "multipart/mixed", b""),
            ("1.1", "text/plain", b"1"),
            ("2", "text/plain", b"2"),
        ],
        id="an outer delimiter closes what is open inside",
    ),
    pytest.param(
        MIXED + "--b\n" + MIXED + "--b\n\n1\n--b--\n--b\n\n2\n--b--\n",
        [
            ("", "multipart/mixed", b""),
            ("1", "multipart/mixed", b""),
            ("1.1", "text/plain", b"1"),
            ("2", "text/plain", b"2"),
        ],
        id="the same boundary inside and outside: the inner one first",
    ),
    pytest.param(
        "Content-Type: multipart/digest; boundary=b\n\n--b\n"
        "\nSubject: in\n\nhi\n--b\nContent-Type: text/plain\n\nx\n--b--\n",
        [
            ("", "multipart/digest", b""),
            ("1", "message/rfc822", b"Subject: in\r\n\r\nhi"),
            ("1.1", "text/plain", b"hi"),
            ("2", "text/plain", b"x"),
        ],
        id="parts of a digest are messages unless they say otherwise",
    ),
    pytest.param(
        "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b--\n",
        [
            ("", "message/rfc822", crlf("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b--\n")),
            ("1.TEXT", "multipart/mixed", b""),
            ("1.1", "text/plain", b"1"),
        ],
        id="a message that is nothing but an embedded message",
    ),
    pytest.param(
        MIXED + "--b\nContent-Type: message/rfc822\n--b\nContent-Type: message/rfc822\n\n--b--\n",
        [
            ("", "multipart/mixed", b""),
            ("1", "message/rfc822", b""),
            ("1.1", "text/plain", b""),
            ("2", "message/rfc822", b""),
            ("2.1", "text/plain", b""),
        ],
        id="embedded messages of no octets",
    ),
    pytest.param(
        MIXED + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nU3ViamVjdDogeA==\n--b--\n",
        [("", "multipart/mixed", b""), ("1", "application/octet-stream", b"U3ViamVjdDogeA==")],
        id="encoded message/rfc822 is opaque",
    ),
    pytest.param(
        "Content-Type: multipart/mixed; boundary=\" b'()+_,-./:=? \"\n\n-- b'()+_,-./:=?\n\n1\n-- b'()+_,-./:=?--\n",
        [("", "multipart/mixed", b""), ("1", "text/plain", b"1")],
        id="every character that a boundary may have",
    ),
    pytest.param(
        "Content-Type: multipart/mixed;\n boundary*0=\"long\";\n\tboundary*1=boundary\n\n"
        "--longboundary\n\n1\n--longboundary--",
        [("", "multipart/mixed", b""), ("1", "text/plain", b"1")],
        id="boundary in continuations",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("message", "expected"), OUTLINES)
def test_finds_the_parts(message: str, expected: list[tuple[str, str, bytes]]) -> None:
    assert outline(crlf(message)) == expected


@pytest.mark.parametrize(("message", "expected"), OUTLINES)
def test_bare_lf_ends_lines_as_crlf_does(message: str, expected: list[tuple[str, str, bytes]]) -> None:
    bare = message.encode("utf-8")
    assert outline(bare) == [(number, kind, text.replace(b"\r\n", b"\n")) for number, kind, text in expected]


def test_offsets_of_a_part_begin_after_its_delimiter_and_its_empty_line() -> None:
    message = crlf(MIXED + "--b\nX: y\n\none\ntwo\n--b--\n")
    part = describe(message).parts[1]
    assert message[part.header_start : part.body_start] == b"X: y\r\n\r\n"
    assert (message[part.body_start : part.end], part.lines) == (b"one\r\ntwo", 1)


def test_a_delimiter_takes_the_line_end_that_an_empty_line_would_share_with_it() -> None:
    message = crlf(MIXED + "--b\nContent-Type: message/rfc822\n\nX: y\n\n--b--\n")
    outer, inner = describe(message).parts[1:]
    assert message[outer.body_start : outer.end] == message[inner.header_start : inner.body_start] == b"X: y\r\n"
    assert (inner.body_start, inner.end) == (outer.end, outer.end)


def test_charset_encoding_and_file_name_come_decoded_or_lower_case() -> None:
    part = describe(
        crlf(
            MIXED + '--b\nContent-Type: TEXT/Plain; CharSet="UTF-8"; name=x\n'
            "Content-Transfer-Encoding: Base64 (really)\nContent-Disposition: Attachment;\n"
            " filename*0*=utf-8''%e2%82%ac;\n filename*1=.txt\n\nAAAA\n--b--\n"
        )
    ).parts[1]
    assert (part.charset, part.encoding, part.filename) == ("utf-8", "base64", "€.txt")


def test_deeper_than_the_limit_is_opaque() -> None:
    nest = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1500))
    parts = describe(crlf(nest + "Content-Type: text/html\n\nx\n")).parts
    assert len(parts) == scanner.MAX_DEPTH + 1
    assert parts[-1].media_type == "application/octet-stream"
    assert parts[-1].number == ".".join(["1"] * scanner.MAX_DEPTH)


def test_messages_embedded_deeper_than_the_limit_are_opaque() -> None:
    parts = describe(crlf("Content-Type: message/rfc822\n\n" * 1500)).parts
    assert len(parts) == scanner.MAX_DEPTH + 1
    assert parts[-1].media_type == "application/octet-stream"


def test_all_that_follows_too_many_parts_is_one_opaque_part() -> None:
    message = crlf(MIXED + "--b\n\n\n" * (scanner.MAX_PARTS + 100) + "--b--\n")
    parts = describe(message).parts
    assert len(parts) == scanner.MAX_PARTS
    assert (parts[-1].media_type, parts[-1].end) == ("application/octet-stream", len(message))


def test_embedded_messages_count_towards_the_limit_of_parts() -> None:
    message = crlf(MIXED + "--b\nContent-Type: message/rfc822\n\nX: y\n\n" * (scanner.MAX_PARTS // 2 + 10))
    assert len(describe(message).parts) == scanner.MAX_PARTS


def test_a_mapped_file_is_read_as_its_octets_are(tmp_path: Path) -> None:
    filler = crlf("--c\n" + "x" * 70 + "\n") * 20_000
    message = crlf(MIXED + "--b\n\n") + filler + crlf("\n--b\nContent-Type: text/html\n\nend\n--b--\n")
    assert len(message) > octets.COPIED_OCTETS
    (tmp_path / "message").write_bytes(message)
    with (tmp_path / "message").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert describe(mapped) == describe(message)


@given(st.integers(0, 3000), st.integers(1, 3000), st.binary(min_size=1, max_size=4))
def test_windows_find_what_the_whole_has(start: int, length: int, needle: bytes) -> None:
    content = bytes(n * n % 7 for n in range(3000))
    with mmap.mmap(-1, len(content)) as mapped:
        mapped[:] = content
        windows = octets.MappedOctets(mapped)
        assert windows.find(needle, start, start + length) == content.find(needle, start, start + length)
        assert windows.count(needle[:1], start, start + length) == content.count(needle[:1], start, start + length)


def test_a_needle_across_the_edge_of_two_windows_is_found() -> None:
    with mmap.mmap(-1, 4 * octets.WINDOW) as mapped:
        for edge in (octets.FIRST_WINDOW, 3 * octets.FIRST_WINDOW, 2 * octets.WINDOW - octets.FIRST_WINDOW):
            mapped[edge - 2 : edge + 2] = b"edge"
            assert octets.MappedOctets(mapped).find(b"edge", 0, len(mapped)) == edge - 2
            mapped[edge - 2 : edge + 2] = bytes(4)


def test_a_file_that_is_read_in_pieces_does_not_stay_in_memory(tmp_path: Path) -> None:
    def mapped_octets() -> int:
        [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssFile")]
        return int(line.split()[1]) * 1024

    (tmp_path / "message").write_bytes(bytes(64 * octets.WINDOW))
    with (tmp_path / "message").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        windows, before = octets.MappedOctets(mapped), mapped_octets()
        for start in range(100, len(windows), octets.LARGE):
            assert not any(windows[start : start + octets.LARGE])
        assert mapped_octets() - before < 32 * octets.WINDOW  # the libraries in memory are files too


# --- beside the standard library, on messages that it makes itself ---

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=60)


def text_part(text: str, subtype: str) -> Message:
    return MIMEText(text, subtype, "utf-8")


def file_part(content: bytes) -> Message:
    part = MIMEBase("application", "octet-stream")
    part.set_payload(content)
    email.encoders.encode_base64(part)
    return part


def multipart(children: list[Message], subtype: str) -> Message:
    return MIMEMultipart(subtype, None, children)


LEAVES = st.one_of(
    st.builds(text_part, TEXTS, st.sampled_from(["plain", "html"])), st.builds(file_part, st.binary(max_size=200))
)
MESSAGES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(multipart, st.lists(inner, min_size=1, max_size=3), st.sampled_from(["mixed", "alternative"])),
        st.builds(MIMEMessage, inner),
    ),
    max_leaves=8,
)


@given(MESSAGES)
def test_agrees_with_the_standard_library_on_well_formed_messages(made: Message) -> None:
    message = crlf(made.as_bytes())
    ours = [(kind, text) for _, kind, text in outline(message)]
    theirs = [
        (part.get_content_type(), b"" if part.is_multipart() else part.get_payload().encode("utf-8", "surrogateescape"))
        for part in email.message_from_bytes(message).walk()
    ]
    assert [kind for kind, _ in ours] == [kind for kind, _ in theirs]
    for (kind, text), (_, other) in zip(ours, theirs, strict=True):
        if not kind.startswith(("multipart/", "message/")):
            assert text.replace(b"\r\n", b"\n") == other.replace(b"\r\n", b"\n")
