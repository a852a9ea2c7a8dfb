"""Canonical bodies: octet for octet what dkimpy makes of them, wherever they are cut, in linear time. RFC 6376 §3.4."""

import base64
import hashlib
import itertools
from collections.abc import Callable

import pytest
from dkim.canonicalization import Relaxed, Simple
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.dkim.body_hash import CANONICAL, BodyKind, body_hashes
from tests.growth import is_linear

ORIGINAL = {b"simple": Simple, b"relaxed": Relaxed}
PARTS = [b"\r\n", b"\r", b"\n", b" ", b"\t", b"a", b"word", b"\x00", b"\xff", b".", b"  ", b"\r\n\r\n", b" \r\n"]
BODIES = st.lists(st.one_of(st.sampled_from(PARTS), st.binary(max_size=5)), max_size=40).map(b"".join)


class Kept:
    """Instead of a hash: what would have been hashed."""

    def __init__(self) -> None:
        self.octets = b""

    def update(self, data: bytes) -> None:
        self.octets += data

    def digest(self) -> bytes:
        return self.octets


def canonical(name: bytes, pieces: list[bytes]) -> bytes:
    sink = Kept()
    body = CANONICAL[name](sink)
    for piece in pieces:
        body.update(piece)
    body.finish()
    return sink.octets


@pytest.mark.parametrize("name", list(CANONICAL))
@given(BODIES, st.lists(st.integers(0, 200)))
@example(b"", [])
@example(b"\r\n" * 5, [3])
@example(b"x \t \r\n \r\n\r\n", [2, 3, 4, 5, 6, 7, 8])
@example(b"x ", [1])
@example(b"x \r", [1, 2])
@example(b" \r \r\n", [1, 2, 3])
def test_the_octets_are_those_of_dkimpy_wherever_the_body_is_cut(name: bytes, body: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(edges)]
    assert canonical(name, pieces) == ORIGINAL[name].canonicalize_body(body)


@pytest.mark.parametrize(
    ("name", "body", "expected"),
    [  # RFC 6376 §3.4.5 and §3.4.3, §3.4.4: the hashes of the empty body
        (b"relaxed", b" C \r\nD \t E\r\n\r\n\r\n", hashlib.sha256(b" C\r\nD E\r\n").digest()),
        (b"simple", b" C \r\nD \t E\r\n\r\n\r\n", hashlib.sha256(b" C \r\nD \t E\r\n").digest()),
        (b"simple", b"", base64.b64decode("frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=")),
        (b"relaxed", b"", base64.b64decode("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")),
    ],
)
def test_the_examples_of_the_rfc(name: bytes, body: bytes, expected: bytes) -> None:
    kind = BodyKind(name)
    assert body_hashes([kind], [body])[kind].sha256 == expected


def test_a_limit_hashes_the_beginning_and_tells_what_follows() -> None:
    kinds = [BodyKind(b"simple", 4), BodyKind(b"simple", 0), BodyKind(b"simple", 100), BodyKind(b"relaxed")]
    found = body_hashes(kinds, [b"abc", b"def\r", b"\n\r\n"])
    assert [found[kind].sha256 for kind in kinds] == [
        hashlib.sha256(octets).digest() for octets in (b"abcd", b"", b"abcdef\r\n", b"abcdef\r\n")
    ]
    assert {found[kind].octets for kind in kinds} == {8}


@pytest.mark.parametrize(
    "body",
    [
        lambda n: [b" " * n],
        lambda n: [b" "] * n,
        lambda n: [b"\r\n"] * n,
        lambda n: [b"\r\n" * n],
        lambda n: [b"\n\r" * n],
        lambda n: [(b" " * 990 + b"x\r\n") * (n // 993)],
        lambda n: [b"\t" * n + b"\r\n"] * 2,
    ],
    ids=["blanks", "blank by blank", "line by line", "lines", "bare ends", "long lines", "blank lines"],
)
@pytest.mark.parametrize("name", list(CANONICAL))
def test_twice_the_body_takes_twice_the_time(name: bytes, body: Callable[[int], list[bytes]]) -> None:
    kind = BodyKind(name)

    def work(size: int) -> Callable[[], object]:
        pieces = body(size)
        return lambda: body_hashes([kind], pieces)

    assert is_linear(work, 200_000)
