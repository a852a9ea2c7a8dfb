"""From as mailing lists write it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail import via
from mailserver.mail.editing import HeaderBlock

THROUGH = "info@example.org"

# From as it came → From as it leaves
REWRITTEN: list[tuple[bytes, bytes]] = [
    (b"Ann Lee <ann@far.example>", b'"Ann Lee via example.org" <info@example.org>'),
    (b'"Lee, Ann \\"A\\"" <ann@far.example>', b'"Lee, Ann A via example.org" <info@example.org>'),
    (b"ann@far.example", b'"ann at far.example via example.org" <info@example.org>'),
    (b'"boss@bank.example" <x@evil.example>', b'"boss at bank.example via example.org" <info@example.org>'),
    (b"=?utf-8?q?J=C3=B6rg?= <j@far.example>", b"=?utf-8?b?SsO2cmcgdmlhIGV4YW1wbGUub3Jn?= <info@example.org>"),
    (b"", b'"Unknown sender via example.org" <info@example.org>'),
]


@pytest.mark.parametrize(("written", "leaves"), REWRITTEN)
def test_the_author_is_shown_and_the_address_is_ours(written: bytes, leaves: bytes) -> None:
    block = HeaderBlock.parse(b"From: " + written + b"\r\nSubject: x\r\n\r\n")
    new = via.rewritten(block, THROUGH)
    assert new.values(b"from") == [leaves]
    assert new.values(b"x-original-from") == new.values(b"reply-to") == [written]


def test_where_the_author_wants_answers_stays() -> None:
    block = HeaderBlock.parse(b"Reply-To: list@far.example\r\nFrom: ann@far.example\r\n\r\n")
    assert via.rewritten(block, THROUGH).values(b"reply-to") == [b"list@far.example"]


@given(st.binary(max_size=500))
def test_any_from_becomes_one_field(written: bytes) -> None:
    block = HeaderBlock.parse(b"From: " + written + b"\r\n\r\n")
    new = HeaderBlock.parse(via.rewritten(block, THROUGH).render())
    assert new.count(b"from") == 1
    assert new.values(b"from")[0].endswith(b"<info@example.org>")
