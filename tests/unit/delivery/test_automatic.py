"""What counts as written by a program, for addresses that take nothing else."""

import pytest

from mailserver.delivery.automatic import is_automatic
from mailserver.mail.editing import HeaderBlock

PERSON = "bob@far.example"

# reverse-path, header field, whether a program wrote it
ROWS: list[tuple[str, bytes, bool]] = [
    (PERSON, b"Subject: Re: lunch", False),
    (PERSON, b"Auto-Submitted: no", False),
    (PERSON, b"Auto-Submitted: No (a person)", False),
    (PERSON, b"Precedence: first-class", False),
    (PERSON, b"Content-Type: text/plain", False),
    ("", b"Subject: undelivered", True),
    (PERSON, b"Auto-Submitted: auto-replied (vacation)", True),
    (PERSON, b"Auto-Submitted: AUTO-GENERATED; x=y", True),
    (PERSON, b"Precedence: auto_reply", True),
    (PERSON, b"X-Auto-Response-Suppress: All", True),  # Exchange's absence notes
    (PERSON, b"X-Failed-Recipients: eve@far.example", True),
    (PERSON, b'Content-Type: multipart/report; report-type="delivery-status"', True),
    ("MAILER-DAEMON@far.example", b"Subject: failure notice", True),
    ("postmaster@far.example", b"Subject: Undeliverable", True),
]


@pytest.mark.parametrize(("reverse_path", "field", "expected"), ROWS)
def test_programs_are_told_from_people(reverse_path: str, field: bytes, expected: bool) -> None:
    assert is_automatic(reverse_path, HeaderBlock.parse(field + b"\r\n\r\n")) is expected
