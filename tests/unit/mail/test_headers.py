"""Header blocks and the choices of HEADER.FIELDS."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import headers
from mailserver.mail.describe import describe
from mailserver.mail.headers import KEPT_FIELDS, chooser, header_octets, kept_covers, select, split, unfolded

BLOCK = (
    b"Received: from a\r\n by b\r\nSubject : hello\r\nnot a field\r\nX-Empty:\r\nfrom: x\r\n\ty\r\nReceived: c\r\n\r\n"
)


def test_splits_into_raw_lines_names_and_values() -> None:
    assert split(BLOCK) == [
        (b"Received: from a\r\n by b\r\n", b"Received", b" from a\r\n by b\r"),
        (b"Subject : hello\r\n", b"Subject", b" hello\r"),
        (b"X-Empty:\r\n", b"X-Empty", b"\r"),
        (b"from: x\r\n\ty\r\n", b"from", b" x\r\n\ty\r"),
        (b"Received: c\r\n", b"Received", b" c\r"),
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(b" a\r\n b\r", b"a b"), (b" a\n\tb", b"a\tb"), (b"\r", b""), (b" a \r\n \r\n", b"a"), (b"a\rb", b"a\rb")],
)
def test_unfolds(value: bytes, expected: bytes) -> None:
    assert unfolded(value) == expected


@pytest.mark.parametrize(
    ("names", "exclude", "expected"),
    [
        pytest.param(
            [b"RECEIVED"], False, b"Received: from a\r\n by b\r\nReceived: c\r\n\r\n", id="every one, any case"
        ),
        pytest.param([b"from", b"subject"], False, b"Subject : hello\r\nfrom: x\r\n\ty\r\n\r\n", id="message order"),
        pytest.param([b"x-none"], False, b"\r\n", id="none: the empty line alone"),
        pytest.param([b"received", b"x-empty"], True, b"Subject : hello\r\nfrom: x\r\n\ty\r\n\r\n", id="NOT"),
    ],
)
def test_selects_fields(names: list[bytes], exclude: bool, expected: bytes) -> None:
    assert select(BLOCK, names, exclude=exclude) == expected


def test_selected_lines_end_in_crlf_whatever_the_message_has() -> None:
    assert select(b"A: b\n c\nB: d", [b"a", b"b"]) == b"A: b\r\n c\r\nB: d\r\n\r\n"


def test_kept_fields_answer_what_they_cover_as_the_header_does() -> None:
    block = b"Subject: s\r\nX-Other: o\r\nDate: d\r\n e\r\nList-Id: l\r\n"
    kept = describe(block + b"\r\nbody").header_fields
    assert kept == b"Subject: s\r\nDate: d\r\n e\r\nList-Id: l\r\n"
    assert kept_covers([b"Date", b"LIST-ID", b"x-priority"])
    assert not kept_covers([b"date", b"x-other"])
    assert select(kept, [b"date", b"list-id"]) == select(block, [b"date", b"list-id"])


@given(
    st.lists(
        st.sampled_from([b"Subject: s", b"date : d", b"To:", b"\tmore", b" From: x", b"List-ID: l", b"junk", b""])
    ),
    st.sampled_from([b"\r\n", b"\n"]),
    st.lists(st.sampled_from([b"SUBJECT", b"to", b"Date", b"from", b"list-id", b"list-post"]), min_size=1),
)
def test_a_chooser_selects_what_select_does(lines: list[bytes], end: bytes, names: list[bytes]) -> None:
    kept = end.join(lines)
    assert chooser(names)(kept) == select(kept, names)


def test_kept_names_are_lower_case() -> None:
    assert all(name == name.lower() for name in KEPT_FIELDS)


@pytest.mark.parametrize(
    ("message", "octets"),
    [
        (b"", 0),
        (b"\r\nbody", 2),
        (b"\nbody", 1),
        (b"A: b\r\n\r\nbody", 8),
        (b"A: b\n\nbody\r\n\r\n", 6),
        (b"A: b\r\n\nbody", 7),
        (b"A: b\r\nno empty line", 19),
        (b"no field\r\n\r\nbody", 0),
        (b" folded first\r\n\r\n", 0),
        (b"From mbox\r\nA: b\r\n\r\nbody", 19),
        (b"A: b\r\n \r\nC: d\r\n\r\n", 17),
    ],
)
def test_header_ends_after_the_first_empty_line(message: bytes, octets: int) -> None:
    assert header_octets(message) == octets
    assert describe(message).header_octets == octets


def test_fields_beyond_the_limit_are_not_looked_at() -> None:
    assert len(split(b"A: b\r\n" * (headers.MAX_FIELDS + 5))) == headers.MAX_FIELDS
    large = b"A: " + b"x" * headers.FEW_OCTETS + b"\r\n"
    assert split(large * 3) == [(large, b"A", b" " + b"x" * headers.FEW_OCTETS + b"\r")] * 3
    assert len(split(large * 1000)) == headers.MAX_HEADER_OCTETS // len(large) + 1
