"""Sizes as people type them, octets as people read them, line ends as the disk wants them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.cli import deliver
from mailserver.cli.output import octets
from mailserver.cli.sizes import octets_of


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("10", 10), ("1k", 1024), ("500M", 500 << 20), ("2G", 2 << 30), ("1.5GiB", 3 << 29), ("1 TB", 1 << 40)],
)
def test_sizes(text: str, size: int) -> None:
    assert octets_of(text) == size


@pytest.mark.parametrize("text", ["", "-1", "lots", "1X", "1..5G", "١G", "1_000", "9" * 16])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        octets_of(text)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (5 << 40, "5.0 TiB")]
)
def test_octets(count: int, text: str) -> None:
    assert octets(count) == text


@given(st.lists(st.sampled_from([b"a", b"\r\n", b"\n", b"From x", b"\r"]), max_size=30), st.integers(1, 4))
def test_line_ends_do_not_see_read_borders(parts: list[bytes], piece: int) -> None:
    class Source(io.BytesIO):
        def read(self, _size: int | None = -1) -> bytes:
            return super().read(piece)

    message = b"".join(parts)
    expected = message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if message.startswith(b"From "):
        expected = expected.partition(b"\r\n")[2]
    assert b"".join(deliver.crlf(Source(message))) == expected
