"""BINARY's octets are those that Python's own codecs find, in every window, however large the part."""

import base64
import quopri
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.imap.fetch_binary import PIECE_OCTETS, WHOLE, decoded
from mailserver.imap.wire.fetch_items import Partial

BEFORE, BEHIND = b"--x\r\n\r\n", b"\r\n--x--\r\n"
ENCODERS = {
    "base64": base64.encodebytes,
    "quoted-printable": quopri.encodestring,
    "8bit": bytes,
    "binary": bytes,
}
WINDOWS = st.builds(Partial, st.integers(0, 3000), st.integers(1, 3000))


@dataclass
class Octets:
    """A message in memory that remembers how far it was read."""

    octets: bytes
    furthest: int = 0
    largest: int = 0

    async def read(self, offset: int, octets: int) -> bytes:
        self.furthest, self.largest = max(self.furthest, offset + octets), max(self.largest, octets)
        return self.octets[offset : offset + octets]


async def fetched(file: Octets, encoding: str, wanted: Partial) -> bytes:
    window = (len(BEFORE), len(file.octets) - len(BEHIND))
    return b"".join([piece async for piece in decoded(file, window, encoding, wanted)])


def message(encoded: bytes) -> Octets:
    return Octets(BEFORE + encoded + BEHIND)


@settings(deadline=None)
@pytest.mark.parametrize("encoding", ENCODERS)
@given(octets=st.binary(max_size=2000), wanted=st.one_of(st.just(WHOLE), WINDOWS))
async def test_any_window_of_any_octets(encoding: str, octets: bytes, wanted: Partial) -> None:
    file = message(ENCODERS[encoding](octets))
    assert await fetched(file, encoding, wanted) == octets[wanted.start :][: wanted.octets]


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(1, 7), st.one_of(st.just(WHOLE), WINDOWS))
async def test_whatever_is_called_quoted_printable_is_what_quopri_reads(
    encoded: bytes, repeat: int, wanted: Partial
) -> None:
    file = message(encoded * repeat)
    assert (
        await fetched(file, "quoted-printable", wanted)
        == quopri.decodestring(encoded * repeat)[wanted.start :][: wanted.octets]
    )


@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("wanted", [WHOLE, Partial(123_456, 7), Partial(299_999, 100_000), Partial(10**7, 1)])
async def test_a_large_part_is_never_held(encoding: str, wanted: Partial) -> None:
    octets = bytes(range(256)) * 3000
    file = message(ENCODERS[encoding](octets))
    assert await fetched(file, encoding, wanted) == octets[wanted.start :][: wanted.octets]
    assert file.largest <= PIECE_OCTETS


@pytest.mark.parametrize("encoding", ENCODERS)
async def test_nothing_behind_the_window_is_read(encoding: str) -> None:
    file = message(ENCODERS[encoding](bytes(1_000_000)))
    await fetched(file, encoding, Partial(0, 10))
    assert file.furthest <= len(BEFORE) + 2 * PIECE_OCTETS
