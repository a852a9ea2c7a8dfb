"""Unpacking has an end, whatever was packed."""

import contextlib
import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.fetching.gunzip import MAX_MEMBERS, NotGzip, TooMuch, gunzip


@given(st.binary(max_size=300_000))
def test_what_was_packed_comes_back(data: bytes) -> None:
    assert gunzip(gzip.compress(data), len(data)) == data


@given(st.lists(st.binary(max_size=1000), min_size=1, max_size=10))
def test_members_are_joined(pieces: list[bytes]) -> None:
    assert gunzip(b"".join(map(gzip.compress, pieces)), 100_000) == b"".join(pieces)


def test_padding_behind_the_end_is_passed_over() -> None:
    assert gunzip(gzip.compress(b"text") + bytes(1000), 100) == b"text"


def test_one_octet_too_many_is_refused() -> None:
    with pytest.raises(TooMuch):
        gunzip(gzip.compress(bytes(1001)), 1000)


def test_a_bomb_costs_no_more_than_was_asked_for() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(512)) + packer.flush()  # 512 MiB in half a MiB
    with pytest.raises(TooMuch):
        gunzip(bomb, 1 << 20)


def test_many_empty_members_are_refused() -> None:
    with pytest.raises(TooMuch):
        gunzip(gzip.compress(b"") * (MAX_MEMBERS + 1), 1000)


@pytest.mark.parametrize(
    "data", [b"", b"text", gzip.compress(b"text", mtime=0)[:-3], gzip.compress(b"text", mtime=0) + b"more"]
)
def test_what_is_not_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(NotGzip):
        gunzip(data, 1000)


@given(st.binary(max_size=2000))
def test_any_octets_are_unpacked_or_refused(data: bytes) -> None:
    for octets in (data, b"\x1f\x8b\x08" + data):
        with contextlib.suppress(NotGzip, TooMuch):
            assert len(gunzip(octets, 5000)) <= 5000
